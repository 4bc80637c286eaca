"""Ways to complete the same 16 prompts on CPU in float32, each with the tokens of `generate`, one case at a time.

The engine also decodes its tokens to text and keeps every completion's margin: both are counted as its cost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .speeds import Stopwatch
from .work import Rows, Work

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from .speeds import Speed

GROUP = "decoding"
pytestmark = [pytest.mark.bench, pytest.mark.benchmark(group=GROUP)]


@dataclass(frozen=True, slots=True)
class Decoding:
    """The work, the tokens it must end in, and the stopwatch."""

    work: Work
    reference: Rows
    stopwatch: Stopwatch

    def measure(self, name: str, way: Callable[[], Rows]) -> None:
        """Time one way; its tokens must be the reference's."""
        rows, seconds = self.stopwatch.time(way)
        assert rows == self.reference
        self.stopwatch.note(name, cases=len(rows), tokens=sum(map(len, rows)), seconds=seconds)


@pytest.fixture(scope="module")
def work() -> Work:
    return Work.load()


@pytest.fixture(scope="module")
def reference(work: Work) -> Rows:
    return work.generated(1)


@pytest.fixture
def decoding(benchmark: "BenchmarkFixture", speeds: "list[Speed]", work: Work, reference: Rows) -> Decoding:
    return Decoding(work, reference, Stopwatch(benchmark, speeds, GROUP))


def test_generate_alone(decoding: Decoding) -> None:
    decoding.measure("generate, one case at a time", lambda: decoding.work.generated(1))


def test_generate_in_batches(decoding: Decoding) -> None:
    decoding.measure("generate, left-padded batches of 8", lambda: decoding.work.generated(8))


def test_engine_without_drafts(decoding: Decoding) -> None:
    decoding.measure("engine, no drafts", decoding.work.decoded)


def test_engine_with_expected_calls(decoding: Decoding) -> None:
    decoding.measure("engine, expected calls as drafts", lambda: decoding.work.decoded(decoding.work.drafts))


def test_engine_with_recorded_outputs(decoding: Decoding) -> None:
    """Drafts that are all right, as an earlier run's outputs are: the most that drafts can save."""
    decoding.measure("engine, recorded outputs as drafts", lambda: decoding.work.decoded(tuple(decoding.reference)))
