"""Every fault is made by the real pipeline, and what can be seen of it without running the model is found, no more."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import DataError
from harness.failures.adapter_files import audit_adapter
from harness.failures.catalogue import Code
from harness.models.candidate import load_candidate
from harness.models.fingerprint import base_fingerprint
from harness.models.loading import load_base, load_tokenizer
from harness.models.matrix import Cell, Device, DType, Form
from tests.trainer.conftest import TRAIN, job, write_rows
from trainer.checks import needed_length
from trainer.dataset import build_rows
from trainer.faults import FAULTS, Fault
from trainer.faults_page import faults_page
from trainer.train import train

IN_ROWS = {
    Fault.TRUNCATED_ROWS: {Code.ROW_TRUNCATED},
    Fault.JSON_ARGUMENTS: {Code.CALL_NOT_READ_BACK},
    Fault.NULL_FILLED: {Code.NULL_IN_ROW},
    Fault.UNDECLARED_LABELS: {Code.UNDECLARED_CALL},
    Fault.DOUBLE_BOS: {Code.DOUBLE_BOS},
    Fault.TERMINATOR_UNSUPERVISED: {Code.TERMINATOR_NOT_SUPERVISED},
    # A row of pads has neither a call nor its end: two consequences beside the cause.
    Fault.PAD_LABELS: {Code.PAD_SUPERVISED, Code.TERMINATOR_NOT_SUPERVISED, Code.CALL_NOT_READ_BACK},
    Fault.SINGLE_CLASS_SPLIT: {Code.SINGLE_FUNCTION},
    Fault.LEAKED_CASES: {Code.LEAKED_CASE},
}
IN_FILES = {
    Fault.ATTENTION_ONLY: {Code.UNDERSIZED},
    Fault.UNTRAINED: {Code.UNTRAINED},
    Fault.NAN_WEIGHTS: {Code.WEIGHTS_NOT_FINITE},
    Fault.RENAMED_KEYS: {Code.KEYS_MISSING, Code.KEYS_UNEXPECTED},
    Fault.UNEXPECTED_KEYS: {Code.KEYS_UNEXPECTED},
    Fault.RESCALED: {Code.RESCALED},
    Fault.RUN_ON: {Code.STOP_LIST},
    Fault.SAMPLING_ON: {Code.SAMPLING_ON},
    Fault.RIGHT_PADDING: {Code.RIGHT_PADDING},
    Fault.PICKLE_FILE: {Code.PICKLE},
}
# Seen when the model runs, or when the candidate is put on its base.
LATER = {Fault.HALF_ADAPTER_OVERFLOW, Fault.WRONG_BASE, Fault.HOT_BASE}


def make(fault: Fault | None, suite: Path, base: Path, output: Path, stage: str = "stage2") -> Path:
    train(dataclasses.replace(job(suite, base, output, stage, steps=1), fault=fault))
    return output


def found(folder: Path, base: Path) -> set[str]:
    candidate = load_candidate(folder)
    return {finding.code for finding in (*candidate.findings(), *audit_adapter(candidate, base).findings)}


def test_every_fault_is_expected_somewhere_and_told_in_the_docs() -> None:
    assert set(IN_ROWS) | set(IN_FILES) | LATER == set(Fault) == set(FAULTS)
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    assert page == faults_page(), "run python -m trainer.faults_page"
    for fault, damage in FAULTS.items():
        assert f"`{fault}`" in page
        assert damage.breaks


def test_the_codes_told_are_those_found() -> None:
    for fault, codes in (IN_ROWS | IN_FILES).items():
        assert set(FAULTS[fault].codes) == codes


def test_a_sound_candidate_has_none(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    assert found(make(None, suite_folder, base, tmp_path / "c"), base) == set()


@pytest.mark.parametrize("fault", IN_ROWS)
def test_faults_of_rows(
    suite_folder: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    task = job(suite_folder, base, tmp_path / "c")
    if fault is Fault.TRUNCATED_ROWS:
        rows = build_rows(load_tokenizer(base), task.suite, task.stage, "No.")
        monkeypatch.setattr("trainer.faults.LIBRARY_LENGTH", needed_length(rows) - 1)
    if fault is Fault.SINGLE_CLASS_SPLIT:
        write_rows(suite_folder / "train" / "all.jsonl", TRAIN[:4])
    stage = "stage1" if fault is Fault.UNDECLARED_LABELS else "stage2"
    folder = make(fault, suite_folder, base, tmp_path / "c", stage)
    assert found(folder, base) == IN_ROWS[fault]
    for finding in load_candidate(folder).findings():
        assert finding.evidence.startswith("trained in spite of it")


@pytest.mark.parametrize("fault", IN_FILES)
def test_faults_of_files(suite_folder: Path, base: Path, tmp_path: Path, fault: Fault) -> None:
    assert found(make(fault, suite_folder, base, tmp_path / "c"), base) == IN_FILES[fault]


def test_an_undeclared_label_needs_a_stage_that_leaves_one_out(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stage2 declares every function"):
        make(Fault.UNDECLARED_LABELS, suite_folder, base, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_an_unbalanced_adapter_is_the_same_one_in_float32(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    sound = make(None, suite_folder, base, tmp_path / "sound")
    broken = make(Fault.HALF_ADAPTER_OVERFLOW, suite_folder, base, tmp_path / "broken")
    assert found(broken, base) == set()
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (sound, broken))
    name = next(name for name in first if ".lora_A." in name)
    other = name.replace(".lora_A.", ".lora_B.")
    torch.testing.assert_close(second[other] @ second[name], first[other] @ first[name], rtol=1e-5, atol=1e-8)
    assert second[name].abs().max() > 65_504 / 10


def test_a_candidate_of_another_base_says_so(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    folder = make(Fault.WRONG_BASE, suite_folder, base, tmp_path / "c")
    manifest = load_candidate(folder).manifest
    assert manifest is not None
    assert manifest.base_fingerprint != base_fingerprint(base)
    assert not (folder / "base").exists()


def test_a_hot_base_is_the_same_function_with_a_larger_stream(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    folder = make(Fault.HOT_BASE, suite_folder, base, tmp_path / "c")
    manifest = load_candidate(folder).manifest
    assert manifest is not None
    assert manifest.base_fingerprint == base_fingerprint(folder / "base")
    ids = torch.tensor([[2, 105, 200, 201, 202, 106]])
    logits, peaks = [], []
    for source in (base, folder / "base"):
        model = load_base(source, Cell(Device.CPU, DType.FLOAT32, Form.BASE))
        with torch.inference_mode():
            output = model(input_ids=ids, output_hidden_states=True)
        logits.append(output.logits)
        peaks.append(max(float(hidden.abs().max()) for hidden in output.hidden_states[:-1]))
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-3, atol=1e-3)
    assert peaks[0] < 65_504 < peaks[1]
