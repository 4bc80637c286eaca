"""Reading and judging 1,000 outputs under the music suite's whole function set: right, wrong, broken off and prose."""

from itertools import cycle, islice
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.calls.functions import FunctionSet
from harness.calls.judge import ExpectedCall, Outcome, judge
from harness.calls.syntax import read, render_calls
from harness.suites import Suite

from .speeds import Stopwatch
from .work import MUSIC

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from .speeds import Speed

GROUP = "reading and judging"
OUTPUTS = 1000
PROSE = "I cannot help with that.<end_of_turn>"
BROKEN_OFF = "<start_function_call>call:play_song{song_name:<escape>Yester"
pytestmark = [pytest.mark.bench, pytest.mark.benchmark(group=GROUP)]


class Judged(NamedTuple):
    """An output, what was expected of it, and the outcome it must come to."""

    output: str
    expected: tuple[ExpectedCall, ...]
    outcome: Outcome


def four_of(expected: tuple[ExpectedCall, ...]) -> list[Judged]:
    """The four kinds of outputs for one case with calls."""
    calls = [call.example() for call in expected]
    return [
        Judged(render_calls(calls), expected, Outcome.CORRECT),
        Judged(render_calls([*calls, calls[0]]), expected, Outcome.WRONG),
        Judged(BROKEN_OFF, expected, Outcome.MALFORMED),
        Judged(PROSE, expected, Outcome.ABSTAINED),
    ]


def outcomes(outputs: list[Judged], functions: FunctionSet) -> list[Outcome]:
    return [judge(read(row.output), row.expected, functions).outcome for row in outputs]


def test_reading_and_judging(benchmark: "BenchmarkFixture", speeds: "list[Speed]") -> None:
    suite = Suite.load(MUSIC)
    rows = [row for case in suite.cases() if case.expected for row in four_of(case.expected)]
    outputs = list(islice(cycle(rows), OUTPUTS))
    stopwatch = Stopwatch(benchmark, speeds, GROUP)
    found, seconds = stopwatch.time(lambda: outcomes(outputs, suite.functions))
    assert found == [row.outcome for row in outputs]
    stopwatch.note("calls, broken calls and prose", cases=len(outputs), tokens=0, seconds=seconds)
