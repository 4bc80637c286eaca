"""The terminal's account of a record: the comparison with the base, the findings, the gates, the faults."""

from collections.abc import Sequence

from tabulate import tabulate

from harness.errors import one_line
from harness.findings import Severity
from harness.report.record import Record
from harness.report.rows import CaseRow, CellRow, FaultRow, FindingRow, GateRow
from harness.report.statistics import Interval, Pairs, mcnemar_exact, newcombe_paired, wilson

COMPARISON = ("stage", "cell", "cases", "base", "candidate", "difference", "p", "wild base", "wild candidate")
VOID, NOTHING = "VOID", "-"
OWN, CAUSED, MISSING, ODD = "X", "+", "?", "!"


def comparison_table(record: Record) -> str:
    """Stage x cell: both accuracies and their difference on the same cases, with 95 % intervals, wild beside."""
    bases = {(cell.suite, cell.stage, _place(cell)): cell for cell in record.cells if cell.base}
    rows = [
        _comparison(cell, bases.get((cell.suite, cell.stage, _place(cell))), record)
        for cell in record.cells
        if not cell.base
    ]
    # Numbers are texts here: tabulate's own parsing would turn 007 into 7 and trim zeros.
    return tabulate(rows, headers=COMPARISON, disable_numparse=True, tablefmt="simple")


def finding_lines(record: Record) -> list[str]:
    """Each finding once, the gravest first; those acknowledged with the reason, notes drawn together by code."""
    found = dict.fromkeys(finding for cell in record.cells for finding in cell.findings)
    order = [Severity.CRITICAL, Severity.WARNING]
    lines = [_finding(finding) for severity in order for finding in found if finding.severity is severity]
    notes: dict[str, list[FindingRow]] = {}
    for finding in found:
        if finding.severity is Severity.NOTE:
            notes.setdefault(finding.code, []).append(finding)
    return lines + [_note(code, of_code) for code, of_code in notes.items()]


def gate_table(record: Record) -> str:
    """Every gate with its decision."""
    rows = [(gate.status.upper(), _gate(gate), gate.cell, one_line(gate.reason)) for gate in record.gates]
    return tabulate(rows, headers=("gate", "", "cell", "why"), disable_numparse=True, tablefmt="simple")


def fault_table(record: Record) -> str:
    """Fault x finding, the columns numbered in the order of the faults whose own they are: the diagonal is to be full.

    Behind it what the numbers and marks mean, and what was seen of each fault.
    """
    own = [code for row in record.faults for code in row.due[:1]]
    codes = list(dict.fromkeys([*own, *(code for row in record.faults for code in (*row.due, *row.found))]))
    rows = [(row.fault, *(_mark(row, code) for code in codes)) for row in record.faults]
    numbers = [str(number) for number in range(1, len(codes) + 1)]
    table = tabulate(rows, headers=("", *numbers), disable_numparse=True, tablefmt="plain")
    marks = f"{OWN} its own finding, {CAUSED} caused as well, {MISSING} due and not found, {ODD} found and not due"
    legend = [f"{number:>3} {code}" for number, code in enumerate(codes, 1)]
    seen = [f"{row.fault}: {one_line(row.symptom)}" for row in record.faults]
    return "\n".join([table, "", marks, *legend, "", *seen])


def _mark(row: FaultRow, code: str) -> str:
    if code in row.found:
        return OWN if code in row.due[:1] else CAUSED if code in row.due else ODD
    return MISSING if code in row.due else ""


def _place(cell: CellRow) -> str:
    """Device and dtype, which a candidate's cell shares with its base's."""
    return cell.cell.rpartition("-")[0]


def _comparison(cell: CellRow, base: CellRow | None, record: Record) -> tuple[str, ...]:
    rows = _rows(cell, record)
    before = {} if base is None else {row.case: row for row in _rows(base, record)}
    paired = [(before[row.case], row) for row in rows if row.case in before and not row.wild]
    void = cell.void or base is None or base.void or not paired
    counted = [row for row in rows if not row.wild]
    return (
        f"{cell.suite} {cell.stage}",
        cell.cell,
        str(len(counted)),
        _accuracy(base, [row for row in before.values() if not row.wild]),
        _accuracy(cell, counted),
        *((NOTHING, NOTHING) if void else _difference(paired)),
        _ratio(base, [row for row in before.values() if row.wild]),
        _ratio(cell, [row for row in rows if row.wild]),
    )


def _rows(cell: CellRow, record: Record) -> list[CaseRow]:
    place = (cell.suite, cell.stage, cell.cell)
    return [row for row in record.cases if (row.suite, row.stage, row.cell) == place]


def _accuracy(cell: CellRow | None, rows: Sequence[CaseRow]) -> str:
    if cell is not None and cell.void:
        return VOID
    if cell is None or not rows:
        return NOTHING
    right = sum(row.correct for row in rows)
    return f"{100 * right / len(rows):.1f} % {_interval(wilson(right, len(rows)), '.1f')}"


def _ratio(cell: CellRow | None, rows: Sequence[CaseRow]) -> str:
    if cell is None or not rows:
        return NOTHING
    return VOID if cell.void else f"{sum(row.correct for row in rows)}/{len(rows)}"


def _difference(paired: Sequence[tuple[CaseRow, CaseRow]]) -> tuple[str, str]:
    pairs = Pairs.count([base.correct for base, _ in paired], [candidate.correct for _, candidate in paired])
    p = mcnemar_exact(pairs)
    shown_p = "<0.001" if p < 0.001 else f"{p:.3f}"
    return f"{100 * pairs.difference:+.1f} {_interval(newcombe_paired(pairs), '+.1f')}", shown_p


def _interval(interval: Interval, style: str) -> str:
    return f"[{100 * interval.low:{style}}, {100 * interval.high:{style}}]"


def _finding(finding: FindingRow) -> str:
    where = f" [{finding.where}]" if finding.where else ""
    text = f"{finding.code}{where}: {finding.evidence}; {finding.cause}; {finding.remedy}"
    if finding.acknowledged is not None:
        text = f"{finding.code}{where}: {finding.evidence} (acknowledged: {finding.acknowledged})"
    return one_line(f"{finding.severity}: {text}")


def _note(code: str, findings: Sequence[FindingRow]) -> str:
    places = ", ".join(dict.fromkeys(finding.where for finding in findings if finding.where))
    return one_line(f"note: {code}{f' [{places}]' if places else ''}: {findings[0].cause}; {findings[0].remedy}")


def _gate(gate: GateRow) -> str:
    return f"{gate.suite} {gate.stage}-{gate.gate}"
