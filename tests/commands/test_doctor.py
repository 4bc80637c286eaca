"""`python -m harness doctor`: exit status, page and object, on adapters of the embedded base made to order."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.__main__ import main
from harness.failures.catalogue import Code
from tests.failures.adapters import SEVEN, matrices, write

BASE = Path(__file__).parents[2] / "fixtures" / "tiny-functiongemma"
Change = Callable[[str, np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def sound() -> dict[str, np.ndarray]:
    """An adapter that changes the base a little."""
    return {name: 0.02 * matrix for name, matrix in matrices(BASE, SEVEN, 2).items()}


def doctor(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> tuple[int, str, str]:
    status = main(["doctor", str(folder), "--base", str(BASE), *options])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def codes(report: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in report["findings"] if finding["severity"] != "note"}


def test_a_healthy_adapter(tmp_path: Path, sound: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = doctor(capsys, write(tmp_path / "a", sound, SEVEN, 2))
    assert status == 0
    assert "42 of 42 linear modules" in out
    assert "One request, three ways" in out
    assert max(len(line) for line in out.splitlines() if not line.startswith("  adapter, ")) <= 200


def test_the_object_for_machines(
    tmp_path: Path, sound: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = doctor(capsys, write(tmp_path / "a", sound, SEVEN, 2), "--json")
    report = json.loads(out)
    assert (status, codes(report)) == (0, set())
    assert len(report["model"]["residual_peaks"]) == 7
    assert {(trial["form"], trial["dtype"]) for trial in report["model"]["trials"]} >= {
        (form, dtype) for form in ("base", "adapter", "merged") for dtype in ("float32", "float16", "bfloat16")
    }
    assert all(trial["finite"] for trial in report["model"]["trials"])
    assert report["model"]["merge_difference"] < 1e-4 < report["model"]["adapter_effect"]


def test_an_adapter_that_overflows_in_half_is_healed_by_merging(
    tmp_path: Path, sound: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    scaled = {name: matrix * (1e7 if ".lora_A." in name else 1e-8) for name, matrix in sound.items()}
    status, out, _ = doctor(capsys, write(tmp_path / "a", scaled, SEVEN, 2), "--json")
    report = json.loads(out)
    assert (status, codes(report)) == (1, {Code.HALF_ADAPTER})
    (finding,) = (finding for finding in report["findings"] if finding["code"] == Code.HALF_ADAPTER)
    assert "lora_A" in finding["evidence"]
    assert "merged is finite" in finding["evidence"]


def test_an_untrained_adapter(tmp_path: Path, sound: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    zero = {name: matrix * (".lora_A." in name) for name, matrix in sound.items()}
    status, out, _ = doctor(capsys, write(tmp_path / "a", zero, SEVEN, 2), "--json")
    assert (status, codes(json.loads(out))) == (1, {Code.UNTRAINED, Code.NOT_APPLIED})


def test_what_cannot_be_run_is_not_run(
    tmp_path: Path, sound: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    nan = {name: matrix * (np.nan if "layers.3" in name else 1.0) for name, matrix in sound.items()}
    status, out, _ = doctor(capsys, write(tmp_path / "a", nan, SEVEN, 2))
    assert status == 1
    assert "CRITICAL weights_not_finite" in out
    assert "The model was not run" in out


def test_files_only_needs_no_model(
    tmp_path: Path, sound: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = doctor(capsys, write(tmp_path / "a", sound, SEVEN, 2), "--files-only", "--json")
    assert (status, json.loads(out)["model"]) == (0, None)


def test_what_is_unusable_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = doctor(capsys, tmp_path)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "is no adapter" in err
