"""Gates: what decides over a stage in a cell, from rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.names import ACCURACY, REGRESSION
from harness.report.record import Record
from harness.report.rows import CaseRow, CellRow, FindingRow, GateRow, GateStatus
from harness.report.statistics import Pairs, mcnemar_exact

SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What a gate would decide if nothing made the scores meaningless."""

    passed: bool
    correct: int
    total: int
    reason: str
    floor: float | None = None


def accuracy_gate(cell: CellRow, floor: float, rows: Sequence[CaseRow]) -> GateRow:
    """Whether enough of the cases are right. Those tagged wild do not count; a critical finding makes it VOID."""
    counted = [row for row in rows if not row.wild]
    right, total = sum(row.correct for row in counted), len(counted)
    reason = "no case of this stage counts: all are tagged wild"
    if total:
        reason = f"{right} of {total} right ({right / total:.1%}), floor {floor:.1%}"
    passed = total > 0 and right / total >= floor
    return _row(cell, ACCURACY, _Decision(passed=passed, correct=right, total=total, reason=reason, floor=floor))


def regression_gate(cell: CellRow, baseline: Record, rows: Sequence[CaseRow]) -> GateRow:
    """Whether the candidate is no worse than the baseline's on the cases both were asked, wild ones left out.

    Worse means: fewer right, and by more than chance explains (exact McNemar test, two-sided p under 0.05). A baseline
    that knows none of the cases proves nothing, and so does not let the candidate pass.
    """
    place = (cell.suite, cell.stage, cell.cell)
    before = {row.case: row for row in baseline.cases if (row.suite, row.stage, row.cell) == place}
    both = [row for row in rows if not row.wild and row.case in before]
    pairs = Pairs.count([before[row.case].correct for row in both], [row.correct for row in both])
    p = mcnemar_exact(pairs)
    reason = "the baseline holds no case of this stage and cell: compare with a record that does"
    if both:
        reason = f"against the baseline {pairs.gained} gained, {pairs.lost} lost of {pairs.total} (p {p:.3f})"
    worse = pairs.lost > pairs.gained and p < SIGNIFICANCE
    decision = _Decision(
        passed=bool(both) and not worse, correct=pairs.both + pairs.gained, total=pairs.total, reason=reason
    )
    return _row(cell, REGRESSION, decision)


def critical(cell: CellRow) -> FindingRow | None:
    """The first finding that makes the cell's scores meaningless."""
    return next((finding for finding in cell.findings if finding.voids), None)


def _row(cell: CellRow, gate: str, decision: _Decision) -> GateRow:
    finding = critical(cell)
    status = GateStatus.PASSED if decision.passed else GateStatus.FAILED
    reason = decision.reason
    if finding is not None:
        status = GateStatus.VOID
        reason = f"{finding.code}: {finding.evidence}; {finding.cause}; {finding.remedy}"
    return GateRow(
        suite=cell.suite,
        stage=cell.stage,
        cell=cell.cell,
        gate=gate,
        status=status,
        floor=decision.floor,
        correct=decision.correct if finding is None else None,
        total=decision.total if finding is None else None,
        reason=reason,
    )
