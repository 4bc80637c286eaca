"""`python -m harness render` on the embedded base's tokenizer, against renderings of the released chat template.

`tests/golden/rendered_prompts.jsonl` holds 26 renderings of the chat template that `google/functiongemma-270m-it` was
released with, made with jinja2; a row with `expected_error` is one that the template refuses.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.jsontypes import Json

ROOT = Path(__file__).parents[2]
TOKENIZER = str(ROOT / "fixtures" / "tiny-functiongemma")
GOLDEN = ROOT / "tests" / "golden" / "rendered_prompts.jsonl"


def render(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> tuple[int, list[dict[str, Json]], str]:
    status = main(["render", "--tokenizer", TOKENIZER, *options, str(file)])
    captured = capsys.readouterr()
    return status, [json.loads(line) for line in captured.out.splitlines()], captured.err


def found(result: dict[str, Json]) -> set[Json]:
    findings = result["findings"]
    assert isinstance(findings, list)
    return {finding["code"] for finding in findings if isinstance(finding, dict)}


def test_the_prompts_are_those_of_the_released_template_byte_for_byte() -> None:
    command = [sys.executable, "-m", "harness", "render", "--tokenizer", TOKENIZER, str(GOLDEN)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["prompt"] for result in results] == [row.get("expected") for row in rows]
    refused = [number for number, row in enumerate(rows, start=1) if "expected_error" in row]
    assert [number for number, result in enumerate(results, start=1) if result["tokens"] == 0] == refused
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {GOLDEN}:{refused[0]}: the chat template refuses")
    assert "Traceback" not in done.stderr


def test_the_findings_name_what_the_template_drops(capsys: pytest.CaptureFixture[str]) -> None:
    _, results, _ = render(capsys, GOLDEN)
    names = [json.loads(line)["name"] for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    codes = {name: found(result) for name, result in zip(names, results, strict=True)}
    assert codes["google cookbook full sequence"] == set()
    assert codes["tools, no developer message"] == {"missing_developer_sentence"}
    assert "missing_parameters_type" in codes["declaration: no type (unbalanced brace)"]
    assert "reserved_parameter_name" in codes["declaration: parameter named description/type dropped"]
    assert "any_of" in codes["declaration: anyOf"]
    assert codes["tool: string content without name"] == {"template_refused"}


def test_a_row_has_its_own_tools_or_else_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    functions = tmp_path / "functions.json"
    functions.write_text(json.dumps([{"name": "shared"}]))
    talk = [{"role": "user", "content": "hi"}]
    rows = [{"messages": talk}, {"messages": talk, "tools": [{"name": "own"}]}, {"messages": talk, "tools": None}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, results, _ = render(capsys, file, "--functions", str(functions))
    shared, own, bare = (str(result["prompt"]) for result in results)
    assert status == 0
    assert "declaration:shared{" in shared
    assert "declaration:own{" in own
    assert "shared" not in own
    assert bare == "<bos><start_of_turn>user\nhi<end_of_turn>\n"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({}, "the key 'messages' is missing"),
        ({"messages": []}, "`messages` must be a list of at least one object with a role"),
        ({"messages": ["hi"]}, "`messages` must be a list of at least one object with a role"),
        ({"messages": [{"role": "user"}], "tools": 1}, "the key 'tools' holds 1, a list is expected"),
        ({"messages": [{"role": "user"}], "tools": [{}]}, "tool 1: not a function declaration"),
        ({"messages": [{"role": "user"}], "add_generation_prompt": "yes"}, "the key 'add_generation_prompt' holds"),
    ],
)
def test_a_bad_row_is_one_line_and_status_2(
    row: object, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row))
    status, results, error = render(capsys, file)
    assert (status, results) == (2, [])
    assert error.startswith(f"error: {file}:1: {what}")


def test_a_tokenizer_that_is_not_there_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--tokenizer", "absent/folder/here", str(GOLDEN)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
