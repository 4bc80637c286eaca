"""What a benchmark measures, and how a run's speeds are shown side by side.

The best round counts, as with timeit: whatever else the machine does makes a round slower, never faster. Load that
lasts longer than a benchmark still bends its ratio, so measure on an idle machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tabulate import tabulate

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
_HEADERS = ("group", "benchmark", "cases", "tokens", "cases/s", "ratio")
_ALIGNED = ("left", "left", "right", "right", "right", "right")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How much was done in a round and how fast: cases a second in the best round."""

    group: str
    name: str
    cases: int
    tokens: int
    cases_per_second: float


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """pytest-benchmark's fixture for one benchmark, and the list its speed is noted in."""

    benchmark: "BenchmarkFixture"
    speeds: list[Speed]
    group: str

    def time(self, work: Callable[[], Result]) -> tuple[Result, float]:
        """What `work` gave, and the seconds of its best round; one round before them all is not counted."""
        benchmark: Any = self.benchmark  # it ships no annotations
        result: Result = benchmark.pedantic(work, rounds=ROUNDS, warmup_rounds=1)
        return result, benchmark.stats.stats.min

    def note(self, name: str, *, cases: int, tokens: int, seconds: float) -> None:
        """Keep the speed for the end of the run, and in what --benchmark-json writes. No tokens: 0."""
        speed = Speed(group=self.group, name=name, cases=cases, tokens=tokens, cases_per_second=cases / seconds)
        self.benchmark.extra_info.update(cases=cases, tokens=tokens, cases_per_second=speed.cases_per_second)
        self.speeds.append(speed)


def table(speeds: Sequence[Speed]) -> str:
    """A line a benchmark, with its ratio to the first of its group."""
    first = {speed.group: speed.cases_per_second for speed in reversed(speeds)}
    rows = [
        (
            speed.group,
            speed.name,
            f"{speed.cases:,}",
            f"{speed.tokens:,}" if speed.tokens else "-",
            f"{speed.cases_per_second:,.1f}",
            f"{speed.cases_per_second / first[speed.group]:.2f}",
        )
        for speed in speeds
    ]
    return tabulate(rows, headers=_HEADERS, colalign=_ALIGNED, disable_numparse=True)
