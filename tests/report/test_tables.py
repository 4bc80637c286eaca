"""The terminal's tables."""

from harness.findings import Severity
from harness.report.record import gather
from harness.report.rows import FaultRow
from harness.report.tables import comparison_table, fault_table, finding_lines
from tests.report.rows import RUN, case_row, cell_row, finding_row


def test_the_comparison_pairs_candidate_and_base_and_leaves_wild_cases_beside() -> None:
    cases = [case_row(str(n), right=n < 3) for n in range(4)] + [
        case_row(str(n), right=n < 1, form="base") for n in range(4)
    ]
    wild = [case_row("w", right=False, wild=True), case_row("w", form="base", wild=True)]
    table = comparison_table(gather(RUN, [cell_row(), cell_row(form="base"), *cases, *wild]))
    (line,) = table.splitlines()[2:]
    assert [cell.strip() for cell in line.split("  ") if cell] == [
        "toy stage1",
        "cpu-float32-merged",
        "4",
        "25.0 % [4.6, 69.9]",
        "75.0 % [30.1, 95.4]",
        "+50.0 [-13.5, +78.9]",
        "0.500",
        "1/1",
        "0/1",
    ]


def test_a_candidate_without_its_base_is_shown_alone() -> None:
    table = comparison_table(gather(RUN, [cell_row(), case_row("a")]))
    assert "100.0 % [20.7, 100.0]  -" in table


def test_a_critical_finding_leaves_no_score() -> None:
    void = cell_row(finding_row(severity=Severity.CRITICAL))
    table = comparison_table(gather(RUN, [void, cell_row(form="base"), case_row("a"), case_row("a", form="base")]))
    assert "VOID" in table
    assert table.count("100.0 %") == 1  # the base's


def test_an_acknowledged_critical_finding_voids_nothing() -> None:
    known = cell_row(finding_row(severity=Severity.CRITICAL, acknowledged="we know"))
    record = gather(RUN, [known, case_row("a")])
    assert "VOID" not in comparison_table(record)
    assert finding_lines(record) == ["critical: f [play.title]: seen (acknowledged: we know)"]


def test_findings_are_told_once_gravest_first_and_notes_together() -> None:
    one, two = (finding_row("dropped", Severity.NOTE, where) for where in ("a.x", "a.y"))
    grave = finding_row("grave", Severity.CRITICAL)
    record = gather(RUN, [cell_row(one, two, finding_row()), cell_row(one, grave, form="base")])
    assert finding_lines(record) == [
        "critical: grave [play.title]: seen; why; do",
        "warning: f [play.title]: seen; why; do",
        "note: dropped [a.x, a.y]: why; do",
    ]


def test_faults_stand_against_findings_with_what_is_missing_and_what_is_odd() -> None:
    rows = [
        FaultRow(fault="cut", due=("row_cut", "cut_off"), found=("cut_off", "row_cut"), symptom="no calls"),
        FaultRow(fault="nan", due=("not_finite",), found=("odd",), symptom="pads\x1b"),
        FaultRow(fault="sound", due=(), found=(), symptom="all right"),
    ]
    lines = fault_table(gather(RUN, rows[::-1])).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["1", "2", "3", "4"],
        ["cut", "X", "+"],
        ["nan", "?", "!"],
        ["sound"],
    ]
    assert lines[1].index("X") == lines[0].index("1")
    assert lines[2].index("!") == lines[0].index("4")
    assert [line.split() for line in lines[6:10]] == [
        ["1", "row_cut"],
        ["2", "not_finite"],
        ["3", "cut_off"],
        ["4", "odd"],
    ]
    assert lines[-3:] == ["cut: no calls", "nan: pads\\x1b", "sound: all right"]
