"""The command line as a process: quiet pipes, one-line mistakes, and no model library where none is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [[], ["dance"], ["parse"], ["judge", "--functions"]])
def test_a_wrong_command_line_is_one_line_and_status_2(arguments: list[str]) -> None:
    done = python("-m", "harness", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "outputs.jsonl"
    file.write_text('{"output": "Hello"}\n' * 20_000)
    command = f"{sys.executable} -m harness parse {file} | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == '{"calls": [], "text": "Hello", "problem": null}\n'
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_status_2(tmp_path: Path) -> None:
    file = tmp_path / "outputs.jsonl"
    file.write_text('{"output": "Hello"}\n')
    command = [sys.executable, "-m", "harness", "parse", str(file)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: standard output: No space left on device\n")


def test_reading_and_judging_import_no_model_library() -> None:
    heavy = "{'torch', 'transformers', 'peft', 'trl', 'datasets', 'numpy', 'scipy'}"
    modules = "harness.__main__, harness.calls.prompt, harness.calls.judge"
    done = python("-c", f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))")
    assert (done.stdout, done.stderr) == ("[]\n", "")
