"""What is collected, under which names, and at what cost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import Project

ALL = [
    f"suites/toy/{item}"
    for cell in ("cpu-float32-adapter", "cpu-float32-merged")
    for item in (
        f"cases/no_call.jsonl::rain[stage1-{cell}]",
        f"cases/no_call.jsonl::cake[stage1-{cell}]",
        f"cases/play.jsonl::one[stage1-{cell}]",
        f"cases/play.jsonl::two[stage1-{cell}]",
        f"cases/play.jsonl::odd[stage1-{cell}]",
        f"stages.toml::stage1-accuracy[{cell}]",
    )
]

COLLECTED_WITHOUT_TORCH = (
    "import sys, pytest; arguments = ['--collect-only', '-q', '-p', 'no:cacheprovider', *sys.argv[1:]];"
    "status = pytest.main(arguments);"
    "heavy = sorted({'torch', 'transformers', 'peft', 'trl', 'datasets', 'scipy'} & set(sys.modules));"
    "sys.exit(f'{status} {heavy}' if status or heavy else 0)"
)


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_a_stage_holds_its_cases_and_then_its_gate(project: Project) -> None:
    result = project.run("-m", "stage1", "--collect-only", "-q")
    assert collected(result) == ALL


def test_a_later_stage_holds_the_cases_of_the_earlier(project: Project) -> None:
    names = collected(project.run("-m", "stage2", "--merged", "--collect-only", "-q"))
    assert len(names) == 7
    assert names[0] == "suites/toy/cases/find.jsonl::find-one[stage2-cpu-float32-merged]"


def test_an_unknown_stage_is_a_usage_error(project: Project) -> None:
    result = project.run("-m", "stage9")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*stage9*"])


def test_one_file_runs_its_cases_at_every_stage_and_no_gate(project: Project) -> None:
    names = collected(project.run("suites/toy/cases/play.jsonl", "-k", "one", "--merged", "--collect-only", "-q"))
    assert names == [f"suites/toy/cases/play.jsonl::one[stage{stage}-cpu-float32-merged]" for stage in (1, 2)]


def test_a_case_is_run_by_its_name(project: Project) -> None:
    project.run("suites/toy/cases/play.jsonl::one[stage1-cpu-float32-merged]").assert_outcomes(passed=1)
    assert project.log()[1:] == [
        "complete cpu-float32-merged 1",
        "open cpu-float32-base",
        "complete cpu-float32-base 1",
    ]


def test_the_full_matrix_names_every_cell(project: Project) -> None:
    names = collected(project.run("suites/toy/stages.toml", "--matrix", "full", "--collect-only", "-q"))
    assert len(names) == 2 * 3 * 3 * 2


@pytest.mark.parametrize("workers", [(), ("-n0",), ("-n2",)])
def test_a_run_without_our_suites_prints_and_writes_nothing(project: Project, workers: tuple[str, ...]) -> None:
    (project.root / "tests").mkdir()
    (project.root / "tests" / "test_theirs.py").write_text("def test_theirs():\n    pass\n", encoding="utf-8")
    before = {path.name for path in project.root.iterdir()}
    result = project.run("tests", *workers, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*comparison*")
    result.stdout.no_fnmatch_line("*record*")
    assert {path.name for path in project.root.iterdir()} - before <= {".benchmarks", "__pycache__"}  # of other plugins


def test_collecting_writes_and_opens_nothing(project: Project) -> None:
    project.run("--collect-only", "-q")
    assert not (project.root / "reports").exists()
    assert not (project.root / "log.txt").exists()


def test_collecting_imports_no_torch(project: Project) -> None:
    result = project.pytester.run(sys.executable, "-c", COLLECTED_WITHOUT_TORCH)
    assert result.ret == 0, result.errlines


def test_collecting_the_suites_of_the_project_imports_no_torch() -> None:
    command = [sys.executable, "-c", COLLECTED_WITHOUT_TORCH, "suites"]
    root = Path(__file__).parents[2]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # no xdist worker
    result = subprocess.run(command, cwd=root, env=outside, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_suite_option_runs_one_suite_from_anywhere(project: Project) -> None:
    other = project.root / "elsewhere"
    project.suite.rename(other)
    result = project.run("--suite", "suites/../elsewhere", "-m", "stage1", "--merged")
    result.assert_outcomes(passed=6)
    assert project.record().run.settings["suite"] == "elsewhere"
