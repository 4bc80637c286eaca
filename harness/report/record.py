"""Records: one run as JSON Lines: its settings, then a line a stage and cell, a case and cell, a gate, a fault."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.errors import DataError
from harness.files import read_json_lines, write_whole
from harness.report.rows import FORMAT, CaseRow, CellRow, FaultRow, GateRow, Row, RunRow, row_from_json, row_to_json

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run. Base rows stand among the others, their cell ending in `base`."""

    run: RunRow
    cells: tuple[CellRow, ...]
    cases: tuple[CaseRow, ...]
    gates: tuple[GateRow, ...]
    faults: tuple[FaultRow, ...] = ()

    def rows(self) -> Iterable[Row]:
        """All lines in the order they are written."""
        yield self.run
        yield from self.cells
        yield from self.cases
        yield from self.gates
        yield from self.faults


def gather(run: RunRow, rows: Iterable[Row]) -> Record:
    """A record of rows in any order, a row given twice (base rows come with every form) kept once.

    A cell measured in parts gives its facts each time: the findings are joined, the largest count of cases stays.
    """
    cells: dict[tuple[str, ...], CellRow] = {}
    cases: dict[tuple[str, ...], CaseRow] = {}
    gates: dict[tuple[str, ...], GateRow] = {}
    faults: dict[tuple[str, ...], FaultRow] = {}
    for row in rows:
        match row:
            case CellRow():
                key = (row.suite, row.stage, row.cell)
                cells[key] = _joined(cells[key], row) if key in cells else row
            case CaseRow():
                cases.setdefault((row.suite, row.stage, row.cell, row.case), row)
            case GateRow():
                gates[row.suite, row.stage, row.cell, row.gate] = row
            case FaultRow():
                faults[row.fault,] = row
            case RunRow():
                raise ValueError("a record holds one line of kind run, its first")
    return Record(run=run, cells=_sorted(cells), cases=_sorted(cases), gates=_sorted(gates), faults=_sorted(faults))


def _joined(one: CellRow, other: CellRow) -> CellRow:
    findings = tuple(dict.fromkeys((*one.findings, *other.findings)))
    return replace(one, findings=findings, cases=max(one.cases, other.cases), stored=max(one.stored, other.stored))


def _sorted(rows: dict[tuple[str, ...], _T]) -> tuple[_T, ...]:
    # Workers report in any order: a record must not depend on it.
    return tuple(row for _, row in sorted(rows.items(), key=lambda item: item[0]))


def to_line(row: Row) -> str:
    """A row as one line of JSON without its line end."""
    return json.dumps(row_to_json(row), ensure_ascii=False, allow_nan=False)


def write_record(path: Path, record: Record) -> None:
    """Write a record whole or not at all; OutputError where it cannot be written."""
    write_whole(path, "".join(f"{to_line(row)}\n" for row in record.rows()))


def read_record(path: Path) -> Record:
    """Read a record back; DataError names the file and the line that is none of a record's."""
    run, rows = None, []
    for line, value in read_json_lines(path):
        try:
            row = row_from_json(value)
        except ValueError as error:
            raise DataError(f"not a line of a record: {error}", path=path, line=line, remedy=_REMEDY) from error
        if isinstance(row, RunRow) != (run is None):
            raise DataError("the line of kind run must be the first, and only the first", path=path, line=line)
        if isinstance(row, RunRow):
            run = row
        else:
            rows.append(row)
    if run is None:
        raise DataError("the record is empty", path=path, remedy=_REMEDY)
    if run.format != FORMAT:
        raise DataError(f"a record of format {run.format}, not {FORMAT}", path=path, line=1, remedy=_REMEDY)
    return gather(run, rows)


_REMEDY = "give a file that a run of callproof wrote into its report folder"
