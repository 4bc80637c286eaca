"""`python -m harness judge`."""

import json
from pathlib import Path

import pytest

from harness.__main__ import main

TOOLS = [{"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}]
CASE = {"id": "one", "request": "r", "calls": [{"name": "f", "arguments": {"a": "x"}}], "tags": ["seed"]}
NO_CALL = {"id": "none", "request": "r", "calls": []}


class Files:
    """The three files of the command in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.cases = folder / "cases.jsonl"
        self.outputs = folder / "outputs.jsonl"
        self.functions = folder / "functions.json"
        self.functions.write_text(json.dumps(TOOLS))

    def judge(self, cases: list[object], outputs: list[object]) -> int:
        for path, rows in ((self.cases, cases), (self.outputs, outputs)):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return main(["judge", "--functions", str(self.functions), str(self.cases), str(self.outputs)])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_outputs_are_scored_in_the_order_of_the_cases(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    own = {**CASE, "id": "own", "functions": [{"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}]}
    outputs = [
        {"id": "own", "calls": [{"name": "f", "arguments": {"a": 1}}]},
        {"id": "none", "output": "No.<end_of_turn>"},
        {"id": "one", "output": "<start_function_call>call:f{a:<escape>X<escape>}<end_function_call>"},
    ]
    assert files.judge([CASE, NO_CALL, own], [*outputs]) == 0
    wrong = {"code": "wrong_type", "call": 0, "argument": "a", "expected": "x", "got": 1}
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"id": "one", "outcome": "correct", "errors": []},
        {"id": "none", "outcome": "correct", "errors": []},
        {"id": "own", "outcome": "wrong", "errors": [wrong]},
    ]


def test_junk_is_no_refusal(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert files.judge([NO_CALL], [{"id": "none", "output": "<pad><pad>"}]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "junk"


def test_an_output_cut_off_by_the_token_limit_is_no_refusal(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert files.judge([NO_CALL], [{"id": "none", "output": "I am", "complete": False}]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "malformed"


@pytest.mark.parametrize(
    ("cases", "outputs", "what"),
    [
        ([], [], "cases.jsonl: no cases"),
        ([{"calls": []}], [], "cases.jsonl:1: the key 'id' is missing"),
        ([{"id": "one"}], [], "cases.jsonl:1: the key 'calls' is missing"),
        ([{**CASE, "call": []}], [], "cases.jsonl:1: the case holds the unknown key 'call'"),
        ([CASE, CASE], [], "cases.jsonl:2: the id 'one' stands twice, first on line 1"),
        ([{**CASE, "calls": [{"name": "g"}]}], [], "cases.jsonl:1: the function 'g' is not declared"),
        ([{**CASE, "functions": {}}], [], "cases.jsonl:1: the key 'functions' holds {}"),
        ([{**CASE, "functions": [1]}], [], "cases.jsonl:1: tool 1: not a function declaration"),
        ([CASE], [], "cases.jsonl:1: the case 'one' has no output; give every case one in"),
        ([CASE], [{"id": "two", "output": ""}], "outputs.jsonl:1: no case has the id 'two'"),
        ([CASE], [{"id": "one", "output": ""}] * 2, "outputs.jsonl:2: a second output for the case 'one'"),
        ([CASE], [{"id": "one"}], "outputs.jsonl:1: either `output` or `calls` is expected"),
        ([CASE], [{"id": "one", "output": "", "calls": []}], "outputs.jsonl:1: either `output` or `calls`"),
        ([CASE], [{"id": "one", "calls": {}}], "outputs.jsonl:1: the key 'calls' holds {}"),
        ([CASE], [{"id": "one", "calls": [{"name": ""}]}], "outputs.jsonl:1: a call must be"),
        ([CASE], [{"id": "one", "calls": [{"name": "f", "arguments": "{}"}]}], "outputs.jsonl:1: a call must be"),
    ],
)
def test_bad_input_is_one_line_and_status_2_and_nothing_is_scored(
    cases: list[object], outputs: list[object], what: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.judge(cases, outputs) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"error: {files.cases.parent}/{what}")


def test_cases_need_functions_from_somewhere(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.judge([CASE], [])
    capsys.readouterr()
    assert main(["judge", str(files.cases), str(files.outputs)]) == 2
    assert "no functions are declared; give --functions FILE" in capsys.readouterr().err


def test_only_one_file_can_be_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", "-", "-"]) == 2
    assert "cannot both be standard input" in capsys.readouterr().err
