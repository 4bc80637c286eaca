"""Rows for tests, as a run would make them."""

from harness.calls.judge import Outcome
from harness.findings import Severity
from harness.report.rows import FORMAT, CaseRow, CellRow, ErrorRow, FindingRow, RunRow

RUN = RunRow(
    format=FORMAT, created="2026-01-01T00:00:00+00:00", exit_status=0, settings={"x": [1, None]}, versions={}, files={}
)


def case_row(case: str, *, right: bool = True, form: str = "merged", wild: bool = False) -> CaseRow:
    return CaseRow(
        suite="toy",
        stage="stage1",
        cell=f"cpu-float32-{form}",
        case=case,
        wild=wild,
        outcome=Outcome.CORRECT if right else Outcome.WRONG,
        errors=() if right else (ErrorRow(code="wrong_value", call=0, argument="a", expected={"b": [1]}, got=None),),
        output="<escape>\u2028\x1b",
        tokens=3,
        stop="stop",
        margin=None,
        finite=True,
    )


def finding_row(
    code: str = "f", severity: Severity = Severity.WARNING, where: str = "play.title", acknowledged: str | None = None
) -> FindingRow:
    return FindingRow(
        code=code, severity=severity, evidence="seen", cause="why", remedy="do", where=where, acknowledged=acknowledged
    )


def cell_row(*findings: FindingRow, form: str = "merged", cases: int = 4) -> CellRow:
    return CellRow(
        suite="toy",
        stage="stage1",
        cell=f"cpu-float32-{form}",
        base=form == "base",
        model="m",
        base_sha256=None,
        adapter_sha256=None,
        template_sha256=None,
        functions_sha256="0",
        batch_size=2,
        cases=cases,
        stored=0,
        findings=findings,
    )
