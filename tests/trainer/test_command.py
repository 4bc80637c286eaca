"""`python -m trainer`: exit codes and the one line a mistake gives."""

import json
from pathlib import Path

import pytest

from harness.failures.catalogue import Code
from harness.findings import Severity
from harness.models.candidate import ADAPTER_WEIGHTS, MANIFEST_NAME, load_candidate
from tests.trainer.conftest import CASES, TRAIN, write_rows
from trainer.__main__ import main

SHORT = ["--steps", "1", "--batch_size", "2", "--r", "2"]


@pytest.fixture
def arguments(suite_folder: Path, base: Path, tmp_path: Path) -> list[str]:
    """A command that trains one step."""
    options = {"suite": suite_folder, "stage": "stage1", "base-model": base, "output": tmp_path / "candidate"}
    return [part for name, value in options.items() for part in (f"--{name}", str(value))] + SHORT


def fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must end with exit code 2 and one line on standard error; the line."""
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trainer: ")
    return line


def test_trains(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    manifest = json.loads((tmp_path / "candidate" / MANIFEST_NAME).read_text(encoding="utf-8"))
    assert (manifest["recipe"]["steps"], manifest["recipe"]["r"]) == (1, 2)
    assert manifest["recipe"]["packing"] == "shared_prefix"
    output = capsys.readouterr().out
    assert "call_token_accuracy" in output.splitlines()[-1]


def test_recipe_and_from(arguments: list[str], tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("alpha: 6\nstages:\n  stage1: {seed: 5}\n", encoding="utf-8")
    assert main([*arguments, "--recipe", str(recipe)]) == 0
    second = [
        *arguments,
        "--recipe",
        str(recipe),
        "--from",
        str(tmp_path / "candidate"),
        "--output",
        str(tmp_path / "b"),
    ]
    assert main(second) == 0
    manifest = json.loads((tmp_path / "b" / MANIFEST_NAME).read_text(encoding="utf-8"))
    assert (manifest["recipe"]["alpha"], manifest["seed"]) == (6, 5)


def test_default_output(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = arguments.index("--output")
    assert main(arguments[:place] + arguments[place + 2 :]) == 0
    assert (tmp_path / "candidates" / "home" / "stage1" / ADAPTER_WEIGHTS).is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--stage", "stage9"], "unknown stage 'stage9'; name one of: stage1, stage2"),
        (["--suite", "nowhere"], "nowhere/stages.toml: no such file"),
        (["--recipe", "nowhere"], "there is no recipe nowhere"),
        (["--from", "nowhere/at/all"], "there is no candidate nowhere/at/all; run `python -m trainer --suite"),
        (["--base-model", "nowhere/at/all"], "there is no base model nowhere/at/all"),
        (["--r", "many"], "invalid int value: 'many'"),
        (["--r", "0"], "r is out of range: 0"),
        (["--epoch", "3"], "--epoch"),
        (["--device", "abacus"], "invalid choice: 'abacus'"),
        (["--packing", "tight"], "'tight'"),
        (["--max_length", "20"], "row_truncated"),
        (["--recipe"], "expected one argument"),
    ],
)
def test_mistakes(
    arguments: list[str], change: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in fails([*arguments, *change], capsys)
    assert not (tmp_path / "candidate").exists()


def test_nothing_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--suite, --stage" in fails([], capsys)


def test_a_leak_stops_it(arguments: list[str], suite_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [*TRAIN, {**CASES[0], "id": "leak"}])
    line = fails(arguments, capsys)
    assert "all.jsonl:6: leaked_case" in line


def test_forced_in_spite_of_a_leak_the_candidate_tells(
    arguments: list[str], suite_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [*TRAIN, {**CASES[0], "id": "leak"}])
    assert main([*arguments, "--force"]) == 0
    assert "critical: leaked_case" in capsys.readouterr().err
    (found,) = load_candidate(tmp_path / "candidate").findings()
    assert (found.code, found.severity) == (Code.LEAKED_CASE, Severity.CRITICAL)
    assert "trained in spite of it" in found.evidence
    assert found.where.endswith("all.jsonl:6")


def test_forced_with_too_short_a_length_rows_are_cut(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments)
    longest = json.loads((tmp_path / "candidate" / MANIFEST_NAME).read_text(encoding="utf-8"))["recipe"]["max_length"]
    assert main([*arguments, "--force", "--max_length", str(longest - 2)]) == 0
    (found,) = load_candidate(tmp_path / "candidate").findings()
    assert (found.code, found.severity) == (Code.ROW_TRUNCATED, Severity.WARNING)
    assert f"max_length is {longest - 2}" in found.evidence
    capsys.readouterr()
    assert "no row has an answer left: max_length is 20" in fails([*arguments, "--force", "--max_length", "20"], capsys)


def test_no_rows_for_the_stage(arguments: list[str], suite_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [TRAIN[2]])
    assert "no training rows for stage1" in fails(arguments, capsys)


def test_a_folder_that_is_no_adapter(
    arguments: list[str], suite_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is no adapter" in fails([*arguments, "--from", str(suite_folder)], capsys)


def test_output_that_cannot_be_written(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "cannot write" in fails([*arguments, "--output", str(tmp_path / "file" / "candidate")], capsys)
    assert "is a file" in fails([*arguments, "--output", str(tmp_path / "file")], capsys)


def test_findings_are_shown(arguments: list[str], suite_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [TRAIN[0], {**TRAIN[0], "id": "twice"}])
    assert main(arguments) == 0
    assert "trainer: warning: duplicate_row" in capsys.readouterr().err


def test_declarations_the_template_garbles_stop_it(
    arguments: list[str], suite_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    untyped = {"name": "light", "description": "Switch", "parameters": {"properties": {"room": {"type": "string"}}}}
    tools = json.loads((suite_folder / "functions.json").read_text(encoding="utf-8"))
    write_rows(suite_folder / "train" / "all.jsonl", [TRAIN[3]])
    (suite_folder / "functions.json").write_text(json.dumps([untyped, tools[1]]), encoding="utf-8")
    assert "missing_parameters_type" in fails(arguments, capsys)
