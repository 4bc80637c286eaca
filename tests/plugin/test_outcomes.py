"""What becomes of right and wrong calls: outcomes, words, gates, and what leaves for JUnit."""

from xml.etree import ElementTree

import pytest

from harness.calls.judge import Outcome
from harness.report.rows import GateStatus
from tests.plugin.conftest import Project
from tests.plugin.fake import CASES, write_suite

WORKERS = pytest.mark.parametrize("workers", [(), ("-n0",), ("-n2",)], ids=["plain", "n0", "n2"])
STAGE1 = ("-m", "stage1", "--merged")
WRONG = "<start_function_call>call:play{title:<escape>Three<escape>}<end_function_call><start_function_response>"
PADS = "<pad><pad>"


def outcomes(result: pytest.RunResult) -> dict[str, int]:
    """What the summary line counts; the controller of workers does not hear of what they deselect."""
    return {name: count for name, count in result.parseoutcomes().items() if name != "deselected"}


@WORKERS
def test_all_right_passes_and_is_compared_with_the_base(project: Project, workers: tuple[str, ...]) -> None:
    result = project.run(*workers)
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] == 2 * (5 + 1 + 6 + 1)
    result.stdout.re_match_lines([r"toy stage1 +cpu-float32-merged +4 +50\.0 % .*100\.0 % .*\+50\.0 \[.* 0/1 +1/1 *$"])
    result.stdout.re_match_lines([r"PASSED +toy stage1-accuracy +cpu-float32-merged +4 of 4 right"])


@WORKERS
def test_a_wrong_call_is_missed_and_fails_nothing_by_itself(project: Project, workers: tuple[str, ...]) -> None:
    project.answers(candidate={"one": WRONG})
    result = project.run(*STAGE1, *workers)
    assert result.ret == 0
    assert outcomes(result) == {"passed": 5, "missed": 1}


def test_a_missed_case_has_a_letter_and_a_word(project: Project) -> None:
    project.answers(candidate={"one": WRONG})
    project.run(*STAGE1).stdout.re_match_lines([r"suites/toy/cases/play.jsonl m\.\."])
    project.run(*STAGE1, "-v").stdout.fnmatch_lines(["*play.jsonl::one[[]stage1-cpu-float32-merged] MISSED*"])


@WORKERS
def test_a_gate_under_its_floor_fails_and_names_what_was_missed(project: Project, workers: tuple[str, ...]) -> None:
    project.answers(candidate={"one": WRONG, "two": PADS})
    result = project.run(*STAGE1, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert outcomes(result) == {"passed": 3, "missed": 2, "failed": 1}
    result.stdout.fnmatch_lines(["FAILED: 2 of 4 right (50.0%), floor 75.0%", "  one: wrong; wrong_value title: *"])
    assert [gate.status for gate in project.record().gates] == [GateStatus.FAILED]


def test_a_wild_case_is_shown_beside_and_does_not_count(project: Project) -> None:
    project.answers(candidate={"odd": PADS})
    result = project.run(*STAGE1)
    assert result.ret == 0
    result.stdout.re_match_lines([r"toy stage1 .* 0/1 +0/1 *$", r"PASSED .* 4 of 4 right"])


@WORKERS
def test_strict_cases_fail_outright(project: Project, workers: tuple[str, ...]) -> None:
    project.answers(candidate={"one": WRONG})
    result = project.run(*STAGE1, "--strict-cases", *workers)
    assert outcomes(result) == {"passed": 5, "failed": 1}
    result.stdout.fnmatch_lines(
        ["missed: wrong", "request: Play One", 'error: *wrong_value title: expected "One", got "Three"']
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_case_that_must_pass_fails_outright(project: Project) -> None:
    (must, *rest) = CASES["play"]
    assert isinstance(must, dict)
    write_suite(project.root / "must", {"play": [{**must, "tags": ["must_pass"]}, *rest]})
    project.answers(candidate={"one": WRONG, "two": WRONG})
    result = project.run("--suite", "must", *STAGE1, "-k", "one or two")
    assert outcomes(result) == {"failed": 1, "missed": 1}


@WORKERS
def test_logits_that_are_not_finite_void_the_gate(project: Project, workers: tuple[str, ...]) -> None:
    project.answers(not_finite=["candidate"])
    result = project.run(*STAGE1, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert outcomes(result) == {"void": 5, "failed": 1}
    result.stdout.fnmatch_lines(["VOID: logits_not_finite: 5 of 5 completions*", "critical: logits_not_finite*"])
    result.stdout.re_match_lines([r"toy stage1 +cpu-float32-merged +4 +50\.0 % .* VOID +- +- +0/1 +VOID *$"])
    (gate,) = project.record().gates
    assert (gate.status, gate.correct, gate.total) == (GateStatus.VOID, None, None)


@WORKERS
def test_a_candidate_that_cannot_run_as_it_was_meant_is_void_without_a_score(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.answers(broken=["candidate"])
    result = project.run(*STAGE1, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert outcomes(result) == {"void": 5, "failed": 1}
    result.stdout.fnmatch_lines(["VOID: weights_not_finite: all*", "critical: weights_not_finite*"])
    result.stdout.re_match_lines([r"toy stage1 +cpu-float32-merged +0 +50\.0 % .* VOID +- +- +0/1 +- *$"])
    record = project.record()
    assert {row.cell for row in record.cases} == {"cpu-float32-base"}
    assert [(gate.status, gate.correct, gate.total) for gate in record.gates] == [(GateStatus.VOID, None, None)]
    assert not any("complete cpu-float32-merged" in line for line in project.log())


def test_a_case_that_must_pass_does_not_where_nothing_could_be_run(project: Project) -> None:
    project.answers(broken=["candidate"])
    result = project.run(*STAGE1, "--strict-cases")
    assert outcomes(result) == {"failed": 6}
    result.stdout.fnmatch_lines(["VOID: a critical finding of its cell says that the model cannot run as it was meant"])


@WORKERS
def test_what_the_outputs_show_together_is_a_finding(project: Project, workers: tuple[str, ...]) -> None:
    project.answers(candidate=dict.fromkeys(("one", "two"), "<pad>" * 8))
    result = project.run(*STAGE1, *workers)
    result.stdout.fnmatch_lines(["warning: pads_chosen*2 of 5 outputs, first one: <pad><pad>*"])
    (gate,) = project.record().gates
    assert gate.status is GateStatus.FAILED


def test_a_void_base_leaves_the_gate_and_takes_the_comparison(project: Project) -> None:
    project.answers(not_finite=["base"])
    result = project.run(*STAGE1)
    assert result.ret == 0
    result.stdout.re_match_lines([r"toy stage1 +cpu-float32-merged +4 +VOID +100\.0 % .* - +- +VOID +1/1 *$"])


@WORKERS
def test_each_model_is_opened_once_and_asked_once_a_stage(project: Project, workers: tuple[str, ...]) -> None:
    project.run("-m", "stage2", *workers)
    assert sorted(project.log()) == [
        "complete cpu-float32-adapter 6",
        "complete cpu-float32-base 6",
        "complete cpu-float32-merged 6",
        "open cpu-float32-base",
        "open stage2 cpu-float32-adapter",
        "open stage2 cpu-float32-merged",
    ]


def test_a_gate_decides_over_cases_that_were_not_selected(project: Project) -> None:
    project.answers(candidate={"one": WRONG, "two": WRONG})
    result = project.run(*STAGE1, "-k", "rain or accuracy")
    assert outcomes(result) == {"passed": 1, "failed": 1}
    assert len(project.record().cases) == 2 * 5


def test_last_failed_runs_a_gate_again_in_full(project: Project) -> None:
    project.answers(candidate={"one": WRONG, "two": WRONG})
    project.run(*STAGE1)
    result = project.run(*STAGE1, "--lf")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@WORKERS
def test_outcome_and_errors_reach_junit_as_legal_xml(project: Project, workers: tuple[str, ...]) -> None:
    nasty = WRONG.replace("Three", "\x1b[31m\x00\ufffe red")
    project.answers(candidate={"one": nasty})
    result = project.run(*STAGE1, "--strict-cases", "--junitxml", "junit.xml", *workers)
    assert "\x1b" not in result.stdout.str()
    case = ElementTree.parse(project.root / "junit.xml").find(".//testcase[@name='one[stage1-cpu-float32-merged]']")
    assert case is not None
    properties = {item.get("name"): item.get("value") for item in case.iter("property")}
    assert properties["outcome"] == "wrong"
    assert properties["errors"] == r'wrong_value title: expected "One", got "\u001b[31m\u0000\ufffe red"'


@WORKERS
def test_the_record_holds_every_case_and_cell(project: Project, workers: tuple[str, ...]) -> None:
    project.answers(candidate={"one": WRONG})
    project.run(*workers)
    record = project.record()
    assert record.run.settings["cells"] == ["cpu-float32-adapter", "cpu-float32-merged"]
    assert len(record.run.files) == 2 + 3
    assert [(cell.stage, cell.cell, cell.cases) for cell in record.cells] == [
        (stage, f"cpu-float32-{form}", cases)
        for stage, cases in (("stage1", 5), ("stage2", 6))
        for form in ("adapter", "base", "merged")
    ]
    assert len(record.cases) == 3 * (5 + 6)
    (row,) = [row for row in record.cases if (row.case, row.stage, row.cell) == ("one", "stage2", "cpu-float32-merged")]
    assert (row.outcome, row.output, row.errors[0].got) == (Outcome.WRONG, WRONG, "Three")


@WORKERS
def test_a_regression_against_a_baseline_fails(project: Project, workers: tuple[str, ...]) -> None:
    many = [{**row, "id": f"one-{n}"} for n in range(8) for row in CASES["play"][:1] if isinstance(row, dict)]
    write_suite(project.root / "many", {"play": [*many]})
    options = ("--suite", "many", *STAGE1)
    project.run(*options, "--report", "before")
    (baseline,) = (project.root / "before").iterdir()
    project.answers(candidate={f"one-{n}": WRONG for n in range(8)})
    result = project.run(*options, "--baseline", str(baseline), *workers)
    assert outcomes(result) == {"missed": 8, "failed": 2}
    result.stdout.fnmatch_lines(["FAILED: against the baseline 0 gained, 8 lost of 8 (p 0.008)"])


NOTING = """
import pytest
from harness.items import rows_key
from harness.report.rows import FaultRow

@pytest.mark.parametrize("fault", ["b", "a"])
def test_fault(request, fault):
    row = FaultRow(fault=fault, due=("cut",), found=("cut",), symptom="seen")
    request.node.stash[rows_key] = [row]
    assert fault == "a"
"""


@WORKERS
def test_a_test_can_put_rows_into_the_record(project: Project, workers: tuple[str, ...]) -> None:
    project.pytester.makepyfile(NOTING)
    result = project.run("test_a_test_can_put_rows_into_the_record.py", *workers)
    assert result.parseoutcomes() == {"passed": 1, "failed": 1}
    result.stdout.re_match_lines([r"=+ faults made on purpose =+", r"a +X", r"b +X", r"a: seen"])
    assert [row.fault for row in project.record().faults] == ["a", "b"]
