"""Cells: one stage under one model, measured lazily and in batches, so that many items share one expensive run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from harness.calls.judge import CallError, judge
from harness.calls.syntax import read
from harness.errors import CallproofError
from harness.failures.catalogue import Code
from harness.failures.function_sets import lint
from harness.failures.outputs import Output, diagnose_outputs
from harness.findings import Finding, Severity
from harness.models.decoding import Completion, StopReason
from harness.models.matrix import Cell, Form
from harness.report.rows import CaseRow, CellRow, ErrorRow, FindingRow
from harness.run.source import Facts, ModelSource, Opened
from harness.stages import Stage
from harness.suites import Case, Suite


class CellStopped(Exception):  # noqa: N818 - the error was told before, this is its echo
    """The cell failed before: the item that met it first carries the error, this one only its text."""


@dataclass(slots=True, eq=False)
class CellRun:
    """The measurements of one suite's stage in one cell; `planned` cases are measured together, at the first asked."""

    suite: Suite
    stage: Stage
    cell: Cell
    source: ModelSource
    models: "OpenModels"
    planned: dict[str, Case] = field(default_factory=dict)
    rows: dict[str, CaseRow] = field(default_factory=dict)
    _findings: dict[Finding, None] = field(default_factory=dict)
    _outputs: list[Output] = field(default_factory=list)
    _stored: int = 0
    _cell_row: CellRow | None = None
    _told: bool = False
    _failure: str | None = None
    _void: bool = False

    def measure(self, cases: Iterable[Case]) -> list[CaseRow]:
        """The rows of `cases`, those not yet measured run in one batch together with all that is planned.

        There are none where the model cannot run as it was meant: the findings of the cell's row say why. Raises what
        the models raise, the first time, and CellStopped with its text from then on.
        """
        wanted = list(cases)
        if not self._void and any(case.id not in self.rows for case in wanted):
            together = self.planned | {case.id: case for case in wanted}
            self._run_once([case for case in together.values() if case.id not in self.rows])
        return [] if self._void else [self.rows[case.id] for case in wanted]

    @property
    def cell_row(self) -> CellRow:
        """What was run and what was found wrong with it; to be asked for once something is measured."""
        assert self._cell_row is not None, "nothing is measured yet"
        return self._cell_row

    def news(self) -> list[CellRow]:
        """The cell's row if it was not asked for since it last changed: it goes with one report, not with all."""
        told, self._told = self._told, True
        return [] if told else [self.cell_row]

    def _run_once(self, cases: list[Case]) -> None:
        if self._failure is not None:
            raise CellStopped(self._failure)
        self._failure = "an earlier case of this cell stopped it"  # holds if anything but a row comes of this
        try:
            self._run(cases)
        except CallproofError as error:
            self._failure = str(error)
            raise
        self._failure = None

    def _run(self, cases: list[Case]) -> None:
        opened = self.models.open(self)
        prepared = self.source.prepare(self.suite, self.stage, cases)
        found = [*lint(self.stage.functions), *opened.findings, *prepared.findings]
        self._void = opened.backend is None
        completions: Sequence[Completion] = ()
        if opened.backend is not None:
            completions = opened.backend.complete(prepared.prompts, prepared.drafts)
            for case, completion in zip(cases, completions, strict=True):
                self.rows[case.id] = self._row(case, completion)
                self._outputs.append(_output(case, completion))
                self._stored += completion.stored
        self._findings |= dict.fromkeys([*found, *_not_finite(self.cell, completions)])
        self._cell_row, self._told = self._describe(opened.facts), False

    def _describe(self, facts: Facts) -> CellRow:
        return CellRow(
            suite=self.suite.name,
            stage=self.stage.name,
            cell=self.cell.id,
            base=self.cell.form is Form.BASE,
            model=facts.model,
            base_sha256=facts.base_sha256,
            adapter_sha256=facts.adapter_sha256,
            template_sha256=facts.template_sha256,
            functions_sha256=self.stage.functions.fingerprint,
            batch_size=facts.batch_size,
            cases=len(self.rows),
            stored=self._stored,
            findings=tuple(map(self._noted, [*self._findings, *diagnose_outputs(self._outputs, self.cell.id)])),
        )

    def _row(self, case: Case, completion: Completion) -> CaseRow:
        reading = read(completion.text, complete=completion.stop is StopReason.STOP)
        verdict = judge(reading, case.expected, self.stage.functions)
        return CaseRow(
            suite=self.suite.name,
            stage=self.stage.name,
            cell=self.cell.id,
            case=case.id,
            wild=case.wild,
            outcome=verdict.outcome,
            errors=tuple(_error_row(error) for error in verdict.errors),
            output=completion.text,
            tokens=len(completion.token_ids),
            stop=completion.stop,
            margin=completion.margin if isfinite(completion.margin) else None,
            finite=completion.finite,
        )

    def _noted(self, finding: Finding) -> FindingRow:
        reasons = [known.reason for known in self.suite.acknowledged if known.covers(finding)]
        return FindingRow(
            code=finding.code,
            severity=finding.severity,
            evidence=finding.evidence,
            cause=finding.cause,
            remedy=finding.remedy,
            where=finding.where,
            acknowledged=reasons[0] if reasons else None,
        )


@dataclass(slots=True)
class OpenModels:
    """The models in memory: one base and one candidate at most, the one before let go before the next is loaded."""

    source: ModelSource
    _open: dict[bool, tuple[tuple[Path, str, str], Opened]] = field(default_factory=dict)

    def open(self, run: CellRun) -> Opened:
        """The run's model, from memory if it is the one used last."""
        is_base = run.cell.form is Form.BASE
        # A base is the same model at every stage.
        key = (run.suite.root, "" if is_base else run.stage.name, run.cell.id)
        if is_base in self._open and self._open[is_base][0] == key:
            return self._open[is_base][1]
        self._open.pop(is_base, None)
        opened = self.source.open(run.suite, run.stage, run.cell)
        self._open[is_base] = (key, opened)
        return opened


class Bench:
    """All cells of a session, each made when it is first named."""

    def __init__(self, source: ModelSource) -> None:
        self._source = source
        self._models = OpenModels(source)
        self._runs: dict[tuple[Path, str, str], CellRun] = {}

    def run(self, suite: Suite, stage: Stage, cell: Cell) -> CellRun:
        """The one run of a suite's stage in a cell."""
        key = (suite.root, stage.name, cell.id)
        if key not in self._runs:
            self._runs[key] = CellRun(suite, stage, cell, self._source, self._models)
        return self._runs[key]

    def base_of(self, run: CellRun) -> CellRun:
        """The base on the same device in the same dtype, measured on the same cases."""
        base = Cell(run.cell.device, run.cell.dtype, Form.BASE)
        return self.run(run.suite, run.stage, base)

    def plan(self, run: CellRun, case: Case) -> None:
        """Have `case` measured in the run's first batch, by candidate and base."""
        run.planned[case.id] = case
        self.base_of(run).planned[case.id] = case


def _output(case: Case, completion: Completion) -> Output:
    return Output(
        case=case.id,
        request=case.request,
        text=completion.text,
        stopped=completion.stop is StopReason.STOP,
        finite=completion.finite,
    )


def _error_row(error: CallError) -> ErrorRow:
    return ErrorRow(code=error.code, call=error.call, argument=error.argument, expected=error.expected, got=error.got)


def _not_finite(cell: Cell, completions: Sequence[Completion]) -> list[Finding]:
    """Logits that are NaN or infinite: argmax still gives a token then (often a pad), but it means nothing."""
    bad = sum(not completion.finite for completion in completions)
    if not bad:
        return []
    found = Finding(
        code=Code.LOGITS_NOT_FINITE,
        severity=Severity.CRITICAL,
        evidence=f"{bad} of {len(completions)} completions came of NaN or infinite logits",
        cause=f"the forward pass left the range of {cell.dtype}, or the weights hold NaN",
        remedy="run the same cell with --dtype float32: if it is sound there, the dtype is too narrow for this model",
        where=cell.id,
    )
    return [found]
