"""What pytest collects: files of cases with an item a case, stage and cell, and `stages.toml` with the gates."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from harness.errors import CallproofError, one_line
from harness.files import canonical_json
from harness.library import Library
from harness.models.matrix import Cell, unavailable
from harness.names import ACCURACY, REGRESSION, case_name, gate_name
from harness.options import Options
from harness.paths import shown
from harness.report.rows import CaseRow, ErrorRow, GateRow, GateStatus, Row
from harness.run.cells import Bench, CellRun, CellStopped
from harness.run.gates import accuracy_gate, critical, regression_gate
from harness.stages import Stage
from harness.suites import Case, Suite, declares

MISSED, VOID = "missed", "void"
MISSES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Session:
    """What the items of a session share."""

    options: Options
    bench: Bench
    library: Library = field(default_factory=Library)


session_key = pytest.StashKey[Session]()
rows_key = pytest.StashKey[list[Row]]()  # in a test's own stash: rows that it wants in the record


class CaseMissed(Exception):  # noqa: N818 - a result, not an error
    """A case that may not be missed was: it is tagged must_pass, or --strict-cases is on."""


class GateClosed(Exception):  # noqa: N818 - a result, not an error
    """A gate did not pass."""


def _line(error: CallproofError) -> str:
    """The error's one line, its path relative as pytest prints its own."""
    return str(error if error.path is None else error.at(shown(Path(error.path).absolute()), error.line))


class _SuiteFile(pytest.File):
    """A file of a suite: its mistakes are told in one line."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]  # as pytest's
        """One clear line for what the user can mend, a traceback for a bug."""
        if isinstance(excinfo.value, CallproofError):
            return _line(excinfo.value)
        return super().repr_failure(excinfo)


class CaseFile(_SuiteFile):
    """One file of cases: an item for each case, each stage that declares its functions, and each cell."""

    def collect(self) -> Iterator[pytest.Item]:
        """Read the file; DataError names the line of a bad case."""
        session = self.config.stash[session_key]
        suite = session.library.suite(self.path.parent.parent)
        cases = session.library.cases_in(self.path)
        for stage in suite.stages:
            for cell in session.options.cells:
                for case in cases:
                    if declares(stage, case):
                        name = case_name(case.id, stage.name, cell.id)
                        yield CaseItem.from_parent(self, name=name, case=case, suite=suite, stage=stage, cell=cell)


class StagesFile(_SuiteFile):
    """A suite's `stages.toml`: the gates of each stage and cell live here, since they belong to no file of cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """Read the suite; DataError if it is empty."""
        session = self.config.stash[session_key]
        suite = session.library.suite(self.path.parent)
        suite.case_files()
        gates = [AccuracyGate] if session.options.baseline is None else [AccuracyGate, RegressionGate]
        for stage in suite.stages:
            for cell in session.options.cells:
                for gate in gates:
                    name = gate_name(stage.name, gate.gate, cell.id)
                    yield gate.from_parent(self, name=name, suite=suite, stage=stage, cell=cell)


class _CellItem(pytest.Item):
    """An item that belongs to a stage in a cell."""

    def __init__(self, *, suite: Suite, stage: Stage, cell: Cell, **rest: Any) -> None:
        super().__init__(**rest)
        self.suite, self.stage, self.cell = suite, stage, cell
        self.shared = self.config.stash[session_key]
        self.status: str | None = None
        self.rows: list[Row] = []
        self.add_marker(stage.name)

    @property
    def run(self) -> CellRun:
        """The measurements this item reads its own from."""
        return self.shared.bench.run(self.suite, self.stage, self.cell)

    def skip_unavailable(self) -> None:
        """Skip a cell of the full matrix that this machine cannot run; a cell asked for by name was checked before."""
        if self.shared.options.full_matrix and (reason := unavailable(self.cell)) is not None:
            pytest.skip(f"{self.cell.id}: {reason}")

    def measure(self, cases: list[Case]) -> list[CaseRow]:
        """The candidate's rows of `cases`, none where it is VOID unrun; the base is measured on the same."""
        base = self.shared.bench.base_of(self.run)
        try:
            rows = self.run.measure(cases)  # first, since a candidate is missing more often than a base
            before = base.measure(cases)
        except CallproofError as error:
            # pytest shows a traceback for any other exception of a setup, whatever repr_failure says.
            raise pytest.fail.Exception(_line(error), pytrace=False) from None
        self.rows = [*self.run.news(), *base.news(), *rows, *before]
        return rows

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The account of a measurement's result, a traceback for a bug."""
        if isinstance(excinfo.value, CaseMissed | GateClosed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class CaseItem(_CellItem):
    """One case at one stage in one cell."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case

    def setup(self) -> None:
        """Measure. A missing model or an out-of-memory is an ERROR, told once a cell: the cases after it skip."""
        self.skip_unavailable()
        try:
            self.row = next(iter(self.measure([self.case])), None)
        except CellStopped as stopped:
            pytest.skip(f"{self.stage.name}-{self.cell.id} did not run: {stopped}")

    def runtest(self) -> None:
        """A wrong call is the case's own outcome, and fails only where it may not happen."""
        if self.row is not None:
            self.user_properties += _properties(self.row)
        if self.row is None or critical(self.run.cell_row) is not None:
            self.status = VOID
        elif not self.row.correct:
            self.status = MISSED
        if self.status is not None and (self.case.must_pass or self.shared.options.strict_cases):
            raise CaseMissed(_account(self.case, self.row, void=self.status == VOID))

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """The line of the case."""
        return self.path, self.case.line - 1, self.name


class _Gate(_CellItem):
    """A gate over every case of its stage: it measures those not selected too, so that -k or --lf cannot soften it."""

    gate: str

    def setup(self) -> None:
        """Measure all cases. What stopped a case is told here again: a gate that could not decide has not passed."""
        self.skip_unavailable()
        try:
            self.case_rows = self.measure(self.shared.library.cases_of(self.suite, self.stage))
        except CellStopped as stopped:
            raise pytest.fail.Exception(str(stopped), pytrace=False) from None
        except CallproofError as error:  # of a file of cases that was not collected
            raise pytest.fail.Exception(_line(error), pytrace=False) from None

    def decide(self) -> GateRow:
        """The decision over `case_rows`."""
        raise NotImplementedError

    def runtest(self) -> None:
        """Fail unless the gate passes, naming what was missed."""
        row = self.decide()
        self.rows.append(row)
        self.user_properties += [("outcome", row.status.value), ("errors", one_line(row.reason))]
        if row.status is not GateStatus.PASSED:
            lines = [f"{row.status.upper()}: {one_line(row.reason)}"]
            raise GateClosed("\n".join(lines + (_misses(self.blamed()) if row.status is GateStatus.FAILED else [])))

    def blamed(self) -> list[CaseRow]:
        """The rows a failure lists: those that count and are not right."""
        return [row for row in self.case_rows if not row.correct and not row.wild]

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """The file of the stages."""
        return self.path, None, self.name


class AccuracyGate(_Gate):
    """Whether the stage's floor is reached."""

    gate = ACCURACY

    def decide(self) -> GateRow:
        """The share of right cases, those tagged wild left out, against the floor."""
        return accuracy_gate(self.run.cell_row, self.stage.floor, self.case_rows)


class RegressionGate(_Gate):
    """Whether the candidate is no worse than the one of `--baseline`."""

    gate = REGRESSION

    def decide(self) -> GateRow:
        """The same cases in the same cell, now and in the baseline."""
        baseline = self.shared.options.baseline
        assert baseline is not None  # collected only where there is one
        return regression_gate(self.run.cell_row, baseline, self.case_rows)

    def blamed(self) -> list[CaseRow]:
        """Of the wrong ones those the baseline had right."""
        baseline = self.shared.options.baseline
        assert baseline is not None
        right = {
            (row.stage, row.cell, row.case) for row in baseline.cases if row.correct and row.suite == self.suite.name
        }
        return [row for row in super().blamed() if (row.stage, row.cell, row.case) in right]


SuiteItem: TypeAlias = CaseItem | AccuracyGate | RegressionGate


def in_order(items: list[pytest.Item]) -> None:
    """Sort the suites' items in place by suite, stage and cell, gates last in theirs; all others keep their places."""
    places = [place for place, item in enumerate(items) if isinstance(item, _CellItem)]
    ours = sorted((item for item in items if isinstance(item, _CellItem)), key=_position)
    for place, item in zip(places, ours, strict=True):
        items[place] = item


def _position(item: _CellItem) -> tuple[Path, int, int, bool]:
    return item.suite.root, item.stage.index, item.shared.options.cells.index(item.cell), isinstance(item, _Gate)


def _properties(row: CaseRow) -> list[tuple[str, object]]:
    return [("outcome", row.outcome.value), ("errors", "; ".join(_error(error) for error in row.errors))]


def _error(error: ErrorRow) -> str:
    place = "" if error.argument is None else f" {error.argument}"
    return one_line(f"{error.code}{place}: expected {canonical_json(error.expected)}, got {canonical_json(error.got)}")


def _account(case: Case, row: CaseRow | None, *, void: bool) -> str:
    """Why a case failed, in lines that a terminal can show whatever the model wrote."""
    if row is None:
        return "VOID: a critical finding of its cell says that the model cannot run as it was meant"
    head = "VOID: a critical finding of its cell makes every answer meaningless" if void else f"missed: {row.outcome}"
    lines = [head, f"request: {one_line(case.request)}", f"output:  {one_line(row.output)}"]
    return "\n".join([*lines, *(f"error:   {_error(error)}" for error in row.errors)])


def _misses(rows: list[CaseRow]) -> list[str]:
    lines = [f"  {row.case}: {row.outcome}; {'; '.join(_error(error) for error in row.errors)}" for row in rows]
    rest = len(lines) - MISSES_SHOWN
    return lines[:MISSES_SHOWN] + ([f"  and {rest} more, all in the record"] if rest > 0 else [])
