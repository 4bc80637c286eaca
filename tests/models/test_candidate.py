"""Candidates on disk: what is accepted, and the one line each mistake gives."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.calls.functions import FunctionSet
from harness.errors import CandidateError
from harness.files import sha256_file
from harness.models.candidate import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    MANIFEST_NAME,
    PICKLED_WEIGHTS,
    Candidate,
    CandidateManifest,
    LoraSettings,
    ParameterCounts,
    check_made_for,
    load_candidate,
)
from harness.models.fingerprint import base_fingerprint, is_hub_id

FUNCTIONS = FunctionSet.from_tools([{"name": "light", "description": "Switch a light", "parameters": {}}])


def manifest(adapter_sha256: str = "a" * 64) -> CandidateManifest:
    return CandidateManifest(
        suite="home",
        stage="stage1",
        base="tiny",
        base_fingerprint="b" * 64,
        functions_fingerprint=FUNCTIONS.fingerprint,
        data_sha256="d" * 64,
        template_sha256="e" * 64,
        adapter_sha256=adapter_sha256,
        developer="You can call functions",
        recipe={"r": 4, "target_modules": ["q_proj"]},
        lora=LoraSettings(r=4, alpha=8, scaling=2.0, target_modules=("q_proj",), rslora=False),
        parameters=ParameterCounts(trainable=10, total=100),
        versions={"torch": "2"},
        seed=1,
        seconds=2.5,
        metrics={"loss": 0.1},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ADAPTER_CONFIG).write_text("{}", encoding="utf-8")
    (tmp_path / ADAPTER_WEIGHTS).write_bytes(b"weights")
    manifest(sha256_file(tmp_path / ADAPTER_WEIGHTS)).write(tmp_path)
    return tmp_path


def test_a_manifest_reads_back(folder: Path) -> None:
    candidate = load_candidate(folder)
    assert candidate.manifest == manifest(sha256_file(folder / ADAPTER_WEIGHTS))
    assert candidate.findings() == ()


def test_an_adapter_of_unknown_origin(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()
    candidate = load_candidate(folder)
    (finding,) = candidate.findings()
    assert candidate.manifest is None
    assert finding.code == "no_manifest"
    check_made_for(candidate, "whatever", FUNCTIONS)


def test_changed_weights_are_found(folder: Path) -> None:
    (folder / ADAPTER_WEIGHTS).write_bytes(b"other weights")
    assert [finding.code for finding in load_candidate(folder).findings()] == ["adapter_changed"]


def test_made_for_another_base_or_function_set(folder: Path) -> None:
    candidate = load_candidate(folder)
    other = FunctionSet.from_tools([{"name": "time", "description": "Tell the time", "parameters": {}}])
    check_made_for(candidate, "b" * 64, FUNCTIONS)
    check_made_for(candidate, "b" * 64)
    with pytest.raises(CandidateError, match="another base: tiny bbbbbbbbbbbb, not cccccccccccc; give its base"):
        check_made_for(candidate, "c" * 64, FUNCTIONS)
    with pytest.raises(CandidateError, match="another function set"):
        check_made_for(candidate, "b" * 64, other)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CandidateError, match="run `python -m trainer --suite suites/x --stage stage3`"):
        load_candidate(tmp_path / "nothing", suite="suites/x", stage="stage3")


def test_no_adapter_in_it(folder: Path) -> None:
    (folder / ADAPTER_CONFIG).unlink()
    with pytest.raises(CandidateError, match=f"is no adapter: {ADAPTER_CONFIG} missing"):
        load_candidate(folder)


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    (folder / ADAPTER_WEIGHTS).rename(folder / PICKLED_WEIGHTS)
    with pytest.raises(CandidateError, match="pickled weights"):
        load_candidate(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format version 1"),
        ({"findings": {}}, "'findings' has a wrong type"),
        ({"findings": ["odd"]}, "manifest key 'findings': 'severity'"),
        ({"findings": [{"severity": "loud"}]}, "manifest key 'findings': 'loud' is not a valid Severity"),
        ({"findings": [{"severity": "note", "code": 1}]}, "manifest key 'findings': .*missing"),
        ({"extra": 1}, "unknown manifest keys: extra"),
        ({"seed": "one"}, "'seed' has a wrong type"),
        ({"lora": {"r": 4, "target_modules": []}}, "key 'lora': .*alpha"),
        (
            {"lora": {"r": 4, "alpha": 8, "scaling": 2.0, "rslora": False, "target_modules": 3}},
            "no list of target_modules",
        ),
        ({"parameters": {"trainable": 1, "others": 2}}, "key 'parameters': .*others"),
    ],
)
def test_manifests_that_are_wrong(folder: Path, change: dict[str, object], message: str) -> None:
    path = folder / MANIFEST_NAME
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **change}), encoding="utf-8")
    with pytest.raises(CandidateError, match=message):
        load_candidate(folder)


@pytest.mark.parametrize("text", ["{", "[]", "", "{'a': 1}", '{"seed": NaN}'])
def test_manifests_that_are_no_json(folder: Path, text: str) -> None:
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(CandidateError, match=MANIFEST_NAME):
        load_candidate(folder)


def test_findings_do_not_depend_on_the_manifest_of_others(folder: Path) -> None:
    wrong = replace(manifest(), adapter_sha256="0" * 64)
    assert [finding.code for finding in Candidate(folder, wrong).findings()] == ["adapter_changed"]


def test_fingerprint_follows_weights_and_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"one")
    (tmp_path / "README.md").write_text("hello", encoding="utf-8")
    first = base_fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("changed", encoding="utf-8")
    assert base_fingerprint(str(tmp_path)) == first
    (tmp_path / "model.safetensors").write_bytes(b"three")
    second = base_fingerprint(tmp_path)
    (tmp_path / "config.json").write_text('{"a": 1}', encoding="utf-8")
    assert len({first, second, base_fingerprint(tmp_path)}) == 3


def test_no_base(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CandidateError, match=r"lacks config.json or \*.safetensors"):
        base_fingerprint(tmp_path)
    with pytest.raises(CandidateError, match="there is no base model"):
        base_fingerprint(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("source", "answer"),
    [("google/functiongemma-270m-it", True), ("candidates/music/stage2", False), ("./base", False), ("/a/b", False)],
)
def test_hub_ids(source: str, answer: bool) -> None:
    assert is_hub_id(source) is answer


def test_a_mistyped_path_is_no_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("fixtures/tiny")
    (tmp_path / "fixtures").mkdir()
    assert not is_hub_id("fixtures/tiny")
