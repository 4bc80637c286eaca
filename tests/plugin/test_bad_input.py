"""Every mistake a user can make gives one clear line with file, line and remedy, and never a traceback."""

import json
from pathlib import Path

import pytest

from harness.calls.functions import FunctionSet
from harness.jsontypes import Json
from harness.models.fingerprint import base_fingerprint
from tests.plugin.conftest import Project
from tests.plugin.fake import FUNCTIONS

CALL: dict[str, Json] = {"name": "play", "arguments": {"title": "One"}}


def case(**changes: Json) -> str:
    return json.dumps({"id": "first", "request": "Play One", "calls": [CALL], **changes})


def run(project: Project, *arguments: str) -> str:
    """Everything a failing run says."""
    result = project.run(*arguments)
    assert result.ret != 0
    text = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    return text


BAD_LINES = {
    "broken JSON": ('{"id": "first",', "not JSON", "write one JSON object a line"),
    "not an object": ("[1]", "must be a JSON object", "a case is an object with id, request, calls"),
    "unknown key": (case(expect=[]), "unknown key 'expect'", "a case is an object with id, request, calls"),
    "missing key": ('{"id": "first", "calls": []}', "missing key 'request'", "a case is an object with"),
    "bad id": (case(id="a[b]"), "id must be letters, digits", "a case is an object with"),
    "empty request": (case(request=" "), "request must be a text", "a case is an object with"),
    "calls no list": (case(calls={}), "calls must be a list", "a case is an object with"),
    "tag no word": (case(tags=["wild thing"]), "a tag must be one word", "a case is an object with"),
    "undeclared function": (case(calls=[{"name": "sing", "arguments": {}}]), "sing", "a case is an object with"),
    "argument not in the schema": (case(calls=[{"name": "play", "arguments": {"title": "One", "x": 1}}]), "x", ""),
    "wrong type": (case(calls=[{"name": "play", "arguments": {"title": 1}}]), "title", ""),
    "no stage declares it": (case(calls=[{**CALL, "name": "queue"}]), "no stage declares queue", "add the function"),
}


@pytest.mark.parametrize(("line", "what", "remedy"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_case_names_its_line(project: Project, line: str, what: str, remedy: str) -> None:
    file = project.suite / "cases" / "play.jsonl"
    file.write_text(f"{case(id='zero')}\n\n{line}\n", encoding="utf-8")
    found = [text for text in run(project, "-m", "stage1").splitlines() if "suites/toy/cases/play.jsonl:3: " in text]
    assert len(found) == 1
    assert what in found[0]
    assert remedy in found[0]


def test_a_duplicate_id_names_its_first_use(project: Project) -> None:
    (project.suite / "cases" / "zoo.jsonl").write_text(case(id="one"), encoding="utf-8")
    text = run(project)
    assert "suites/toy/cases/zoo.jsonl:1: duplicate id 'one', first used in play.jsonl:1; give every case" in text


def test_an_empty_file_of_cases(project: Project) -> None:
    (project.suite / "cases" / "play.jsonl").write_text("\n", encoding="utf-8")
    assert "suites/toy/cases/play.jsonl: the file holds no case; write one case a line" in run(project)


def test_an_empty_suite(project: Project) -> None:
    for path in (project.suite / "cases").iterdir():
        path.unlink()
    assert "suites/toy: the suite is empty: no *.jsonl in cases/; write one file" in run(project)


def test_stages_that_are_not_toml(project: Project) -> None:
    (project.suite / "stages.toml").write_text('suite = "toy"\n[stages\n', encoding="utf-8")
    assert "stages.toml:2: not TOML" in run(project)


def test_a_gate_alone_tells_of_a_bad_case_too(project: Project) -> None:
    (project.suite / "cases" / "play.jsonl").write_text("{", encoding="utf-8")
    assert "suites/toy/cases/play.jsonl:1: not JSON" in run(project, "suites/toy/stages.toml", "-m", "stage1")


def test_a_missing_function_set(project: Project) -> None:
    (project.suite / "functions.json").unlink()
    assert "suites/toy/functions.json: cannot read: No such file or directory" in run(project, "suites/toy/stages.toml")


def test_a_missing_candidate_is_told_once_a_cell_with_the_command(local_project: Project) -> None:
    result = local_project.run("-m", "stage2", "--merged")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"skipped": 5, "errors": 2, "deselected": 6}
    line = "there is no candidate candidates/toy/stage2; run `python -m trainer --suite suites/toy --stage stage2`"
    assert result.outlines.count(line) == 2
    assert "Traceback" not in result.stdout.str()
    assert not (local_project.root / "reports").exists()


def write_adapter(folder: Path, **manifest: Json) -> None:
    """The files of a candidate as far as they are looked at before a model is loaded."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    values: dict[str, Json] = {
        "suite": "toy",
        "stage": "stage1",
        "base": "x",
        "template_sha256": "x",
        "data_sha256": "x",
        "adapter_sha256": "x",
        "developer": "x",
        "recipe": {},
        "versions": {},
        "metrics": {},
        "findings": [],
        "lora": {"r": 1, "alpha": 1.0, "scaling": 1.0, "target_modules": [], "rslora": False},
        "parameters": {"trainable": 1, "total": 1},
        "seed": 1,
        "seconds": 1.0,
        "format_version": 1,
        **manifest,
    }
    (folder / "candidate.json").write_text(json.dumps(values), encoding="utf-8")


def test_a_candidate_made_for_another_base(local_project: Project) -> None:
    write_adapter(local_project.root / "theirs", base_fingerprint="0" * 64, functions_fingerprint="0" * 64)
    text = run(local_project, "-m", "stage1", "--candidate", "theirs")
    assert "theirs: made for another base" in text


def test_a_candidate_made_for_another_function_set(local_project: Project) -> None:
    base = base_fingerprint(local_project.root / "fixtures" / "tiny-functiongemma")
    stage1 = FunctionSet.from_tools(FUNCTIONS).subset(["play"]).fingerprint
    write_adapter(local_project.root / "theirs", base_fingerprint=base, functions_fingerprint=stage1)
    text = run(local_project, "-m", "stage2", "--candidate", "theirs")
    assert "theirs: made for another function set" in text


def test_a_folder_that_is_no_adapter(local_project: Project) -> None:
    (local_project.root / "empty").mkdir()
    assert "empty: is no adapter: adapter_config.json" in run(local_project, "-m", "stage1", "--candidate", "empty")


def test_a_base_that_is_not_there(local_project: Project) -> None:
    assert "there is no base model ./nowhere" in run(local_project, "-m", "stage1", "--base-model", "./nowhere")


USAGE = {
    "both forms": (("--merged", "--adapter"), "--merged and --adapter exclude each other: give one, or none"),
    "full and device": (("--matrix", "full", "--device", "cpu"), "--matrix full takes every device and dtype"),
    "no suite": (("--suite", "tests"), "--suite tests: no suite there; give a folder that holds a stages.toml"),
    "no baseline": (("--baseline", "no.jsonl"), "--baseline: no.jsonl: cannot read"),
    "no record": (("--baseline", "suites/toy/cases/play.jsonl"), "play.jsonl:1: not a line of a record"),
    "report is a file": (("--report", "conftest.py"), "--report conftest.py: "),
    "report below a file": (
        ("--report", "conftest.py/reports"),
        "conftest.py is no folder; give one that can be written",
    ),
    "unknown device": (("--device", "tpu"), "invalid choice: 'tpu'"),
    "unknown dtype": (("--dtype", "int8"), "invalid choice: 'int8'"),
}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "n2"])
@pytest.mark.parametrize(("options", "message"), USAGE.values(), ids=USAGE.keys())
def test_a_mistaken_option_is_a_usage_error(
    project: Project, options: tuple[str, ...], message: str, workers: tuple[str, ...]
) -> None:
    result = project.run(*options, *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert not (project.root / "log.txt").exists()


def test_a_report_folder_that_cannot_be_written_fails_the_run(project: Project) -> None:
    # What --report finds at the start may be gone at the end: here a file takes the folder's place meanwhile.
    (project.root / "reports").write_text("in the way", encoding="utf-8")
    result = project.run("-m", "stage1", "--merged")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*reports/run-*: cannot write: *"])


@pytest.mark.skipif("os.geteuid() == 0", reason="root may write anywhere")
def test_a_folder_without_permission_is_told_at_the_start(project: Project) -> None:
    (project.root / "closed").mkdir(mode=0o500)
    result = project.run("--report", "closed")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--report closed: * cannot be written; give a folder that can*"])
