"""Records: what is written is read back, and what is no record is refused with its line."""

import json
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.findings import Severity
from harness.jsontypes import Json
from harness.report.record import gather, read_record, to_line, write_record
from harness.report.rows import FaultRow, GateRow, GateStatus, Row
from tests.report.rows import RUN, case_row, cell_row, finding_row

GATE = GateRow(
    suite="toy",
    stage="stage1",
    cell="cpu-float32-merged",
    gate="accuracy",
    status=GateStatus.VOID,
    floor=0.5,
    correct=None,
    total=None,
    reason="void",
)
ROWS: list[Row] = [
    case_row("b", right=False),
    cell_row(finding_row(severity=Severity.CRITICAL)),
    GATE,
    case_row("a", form="base"),
    FaultRow(fault="nan_weights", due=("weights_not_finite",), found=(), symptom="pads"),
]


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = gather(RUN, ROWS)
    write_record(tmp_path / "reports" / "r.jsonl", record)
    assert read_record(tmp_path / "reports" / "r.jsonl") == record


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert gather(RUN, ROWS) == gather(RUN, ROWS[::-1])


def test_rows_given_twice_are_kept_once_and_a_cell_gathers_its_findings() -> None:
    one, other = finding_row("one"), finding_row("other")
    record = gather(RUN, [*ROWS, *ROWS, cell_row(one, cases=5), cell_row(one, other, cases=2)])
    assert len(record.cases) == 2
    assert len(record.gates) == 1
    (cell,) = record.cells
    assert ([finding.code for finding in cell.findings], cell.cases) == (["f", "one", "other"], 5)


def line(**changes: Json) -> str:
    return json.dumps({**json.loads(to_line(ROWS[0])), **changes})


RUN_LINE = to_line(RUN)
BAD = {
    "empty": ("", r"r\.jsonl: the record is empty; give a file"),
    "no run": (line(), r"r\.jsonl:1: the line of kind run must be the first"),
    "two runs": (f"{RUN_LINE}\n{RUN_LINE}", r"r\.jsonl:2: the line of kind run must be"),
    "other kind": (f"{RUN_LINE}\n" + line(kind="song"), r"r\.jsonl:2: .*kind is one of run, cell, case, gate"),
    "no object": (f"{RUN_LINE}\n[]", r"r\.jsonl:2: "),
    "unknown key": (f"{RUN_LINE}\n" + line(colour=1), r"r\.jsonl:2: .*missing or unknown key 'colour'"),
    "wrong type": (f"{RUN_LINE}\n" + line(tokens="3"), r"r\.jsonl:2: .*tokens has a wrong type"),
    "bool for int": (f"{RUN_LINE}\n" + line(tokens=True), r"r\.jsonl:2: .*tokens has a wrong type"),
    "other outcome": (f"{RUN_LINE}\n" + line(outcome="fine"), r"r\.jsonl:2: .*'fine' is not a valid Outcome"),
    "bad error": (f"{RUN_LINE}\n" + line(errors=[1]), r"r\.jsonl:2: .*errors has a wrong type"),
    "format": (RUN_LINE.replace('"format": 1', '"format": 99'), r"r\.jsonl:1: a record of format 99, not 1"),
    "broken": (f"{RUN_LINE}\n{{", r"r\.jsonl:2: not JSON"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_record_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_record(tmp_path / "r.jsonl")
