"""`python -m harness parse`."""

import io
import json
from pathlib import Path

import pytest

from harness.__main__ import main


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_each_output_gives_calls_text_and_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = "<start_function_call>call:f{a:<escape>é<escape>}<end_function_call>"
    file = write(
        tmp_path / "outputs.jsonl",
        {"output": f"Sure.{call}<start_function_response>"},
        {"output": f"{call}bye", "engine": "ignored"},
        {"output": "I am", "complete": False},
        {"output": ""},
    )
    assert main(["parse", file]) == 0
    read = {"name": "f", "arguments": {"a": "é"}}
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"calls": [read], "text": "Sure.", "problem": None},
        {"calls": [read], "text": "", "problem": "junk"},
        {"calls": [], "text": "I am", "problem": "truncated"},
        {"calls": [], "text": "", "problem": "empty"},
    ]


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"output": "Hi"}\n{}')))
    assert main(["parse", "-"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"calls": [], "text": "Hi", "problem": None}
    assert captured.err == "error: standard input:2: the key 'output' is missing, a string is expected\n"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ([], "the line is not a JSON object"),
        ({"output": 1}, "the key 'output' holds 1, a string is expected"),
        ({"output": "", "complete": 0}, "the key 'complete' holds 0, true or false is expected"),
    ],
)
def test_a_bad_row_is_one_line_and_status_2(
    row: object, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "outputs.jsonl", row)
    assert main(["parse", file]) == 2
    assert capsys.readouterr() == ("", f"error: {file}:1: {what}\n")


def test_a_file_that_is_not_there_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "absent.jsonl"]) == 2
    assert capsys.readouterr() == ("", "error: absent.jsonl: cannot read: No such file or directory\n")
