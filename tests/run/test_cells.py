"""Cells: what is measured when, and what becomes of a cell that failed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.errors import CandidateError
from harness.findings import Severity
from harness.models.matrix import Cell, Device, DType, Form
from harness.run.cells import Bench, CellStopped
from harness.run.source import Opened, Prepared
from harness.stages import Stage
from harness.suites import Case, Suite
from tests.plugin.fake import STAGES, FakeSource, write_suite

MERGED = Cell(Device.CPU, DType.FLOAT32, Form.MERGED)


class BrokenSource:
    """A source whose models raise."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.opened = 0

    def prepare(self, suite: Suite, stage: Stage, cases: Sequence[Case]) -> Prepared:
        raise AssertionError("nothing is prepared for a model that is not there")

    def open(self, suite: Suite, stage: Stage, cell: Cell) -> Opened:
        self.opened += 1
        raise self.error


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    known = '[[acknowledged]]\ncode = "reserved_parameter_name"\nwhere = "play.type"\nreason = "we know"\n'
    return Suite.load(write_suite(tmp_path / "toy", stages=f"{STAGES}\n{known}"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CandidateError("none there", remedy="train one"), "none there; train one"),
        (RuntimeError("a bug"), "an earlier case of this cell stopped it"),
    ],
)
def test_a_cell_that_failed_is_not_tried_again(suite: Suite, error: Exception, text: str) -> None:
    source = BrokenSource(error)
    run = Bench(source).run(suite, suite.stages[0], MERGED)
    cases = suite.cases_of(suite.stages[0])
    with pytest.raises(type(error)):
        run.measure(cases[:1])
    with pytest.raises(CellStopped, match=f"^{text}$"):
        run.measure(cases)
    assert source.opened == 1


def test_planned_cases_are_measured_together_and_the_others_when_asked_for(suite: Suite, tmp_path: Path) -> None:
    bench = Bench(FakeSource(tmp_path))
    run = bench.run(suite, suite.stages[0], MERGED)
    cases = suite.cases_of(suite.stages[0])
    for case in cases[:3]:
        bench.plan(run, case)
    assert [row.case for row in run.measure(cases[:1])] == [cases[0].id]
    assert set(run.rows) == {case.id for case in cases[:3]}
    assert [row.case for row in run.measure(cases)] == [case.id for case in cases]
    log = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert log == ["open stage1 cpu-float32-merged", "complete cpu-float32-merged 3", "complete cpu-float32-merged 2"]


def test_a_cell_row_is_told_when_it_has_changed(suite: Suite, tmp_path: Path) -> None:
    run = Bench(FakeSource(tmp_path)).run(suite, suite.stages[0], MERGED)
    cases = suite.cases_of(suite.stages[0])
    run.measure(cases[:1])
    assert [row.cases for row in run.news()] == [1]
    assert run.news() == []
    run.measure(cases)
    assert [row.cases for row in run.news()] == [5]


def test_an_acknowledged_finding_carries_its_reason(suite: Suite, tmp_path: Path) -> None:
    path = suite.root / "functions.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"title"', '"type"', 1), encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace('["title"]', '["type"]', 1), encoding="utf-8")
    for name in ("play.jsonl", "find.jsonl"):
        (suite.root / "cases" / name).unlink()
    changed = Suite.load(suite.root)
    run = Bench(FakeSource(tmp_path)).run(changed, changed.stages[0], MERGED)
    run.measure(changed.cases())
    (found,) = [finding for finding in run.cell_row.findings if finding.code == "reserved_parameter_name"]
    assert (found.where, found.acknowledged) == ("play.type", "we know")
    assert found.severity is not Severity.CRITICAL or not found.voids
