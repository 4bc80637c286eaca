"""Decoding settings in a candidate's folder: what would make it decode otherwise than its base, and nothing else."""

import json
from pathlib import Path

import pytest

from harness.errors import CandidateError
from harness.failures.catalogue import Code
from harness.failures.decoding_files import audit_decoding


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return folder(tmp_path / "base", generation={"do_sample": False, "eos_token_id": [1, 106, 50]})


def folder(path: Path, generation: object = None, tokenizer: object = None) -> Path:
    path.mkdir()
    for name, settings in (("generation_config.json", generation), ("tokenizer_config.json", tokenizer)):
        if settings is not None:
            (path / name).write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize(
    ("generation", "tokenizer"),
    [
        (None, None),
        ({}, {"padding_side": "left"}),
        ({"do_sample": False, "eos_token_id": [50, 1, 106, 7]}, {}),
        ([], 3),
    ],
)
def test_settings_that_are_the_bases(tmp_path: Path, base: Path, generation: object, tokenizer: object) -> None:
    assert audit_decoding(folder(tmp_path / "a", generation, tokenizer), base) == ()


@pytest.mark.parametrize(
    ("stops", "missing"), [(1, "50, 106"), ([1, 106], "50"), ([], "1, 50, 106"), (None, "1, 50, 106")]
)
def test_a_stop_list_that_lacks_an_id(tmp_path: Path, base: Path, stops: object, missing: str) -> None:
    (found,) = audit_decoding(folder(tmp_path / "a", {"eos_token_id": stops}), base)
    assert found.code == Code.STOP_LIST
    assert found.evidence == f"eos_token_id is {stops}, the base's has {missing} too"


def test_a_base_that_states_no_stops_asks_for_none(tmp_path: Path) -> None:
    assert audit_decoding(folder(tmp_path / "a", {"eos_token_id": 1}), folder(tmp_path / "b")) == ()


def test_sampling_and_padding(tmp_path: Path, base: Path) -> None:
    found = audit_decoding(folder(tmp_path / "a", {"do_sample": True}, {"padding_side": "right"}), base)
    assert [finding.code for finding in found] == [Code.SAMPLING_ON, Code.RIGHT_PADDING]
    assert [finding.where for finding in found] == ["generation_config.json", "tokenizer_config.json"]


def test_damaged_settings(tmp_path: Path, base: Path) -> None:
    broken = folder(tmp_path / "a")
    (broken / "generation_config.json").write_text("{")
    with pytest.raises(CandidateError, match=r"generation_config\.json.*not JSON"):
        audit_decoding(broken, base)
