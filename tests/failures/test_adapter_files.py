"""The audit of an adapter's files: every fault by its own code, nothing on a sound one, bad files in one line."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import CandidateError
from harness.failures.adapter_files import AdapterAudit, audit_adapter
from harness.failures.catalogue import CATALOGUE, Code
from harness.failures.geometry import Place
from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS, Candidate
from tests.failures.adapters import ATTENTION, GEMMA_270M, SEVEN, SMALL, base, key, matrices, write

RANK = 4


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return base(tmp_path / "base", SMALL)


@pytest.fixture
def sound(small: Path) -> dict[str, np.ndarray]:
    return matrices(small, SEVEN, RANK)


def audit(folder: Path, base_folder: Path) -> AdapterAudit:
    return audit_adapter(Candidate(folder, None), base_folder)


def codes(folder: Path, base_folder: Path) -> list[str]:
    return [finding.code for finding in audit(folder, base_folder).findings]


def test_a_sound_adapter(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    found = audit(write(tmp_path / "a", sound, SEVEN, RANK), small)
    assert (found.findings, found.adapted, found.adaptable) == ((), 14, 14)
    assert found.parameters == sum(matrix.size for matrix in sound.values())


@pytest.mark.parametrize(
    ("targets", "rank", "parameters", "adapted", "expected"),
    [
        (SEVEN, 16, 3_796_992, 126, []),
        (ATTENTION, 16, 1_474_560, 72, [Code.UNDERSIZED]),
        (SEVEN, 8, 1_898_496, 126, []),
    ],
)
def test_the_released_geometry(
    tmp_path: Path, targets: list[str], rank: int, parameters: int, adapted: int, expected: list[str]
) -> None:
    big = base(tmp_path / "base", GEMMA_270M)
    found = audit(write(tmp_path / "a", matrices(big, targets, rank), targets, rank), big)
    assert (found.parameters, found.adapted, found.adaptable) == (parameters, adapted, 126)
    assert [finding.code for finding in found.findings] == expected


def test_size_on_disk_proves_nothing(tmp_path: Path, small: Path) -> None:
    half = {name: matrix.astype(np.float16) for name, matrix in matrices(small, SEVEN, 2 * RANK).items()}
    wide = write(tmp_path / "wide", half, SEVEN, 2 * RANK)
    narrow = write(tmp_path / "narrow", matrices(small, SEVEN, RANK), SEVEN, RANK)
    sizes = [audit(folder, small) for folder in (wide, narrow)]
    assert abs(sizes[0].bytes - sizes[1].bytes) < 0.1 * sizes[0].bytes
    assert sizes[0].parameters == 2 * sizes[1].parameters
    assert sizes[0].findings == sizes[1].findings == ()


def test_undersized_names_what_has_no_adapter(tmp_path: Path, small: Path) -> None:
    (found,) = audit(write(tmp_path / "a", matrices(small, ATTENTION, RANK), ATTENTION, RANK), small).findings
    assert "8 of 14" in found.evidence
    assert "down_proj, gate_proj, up_proj" in found.evidence


def test_untrained(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    zero = {name: matrix * (".lora_A." in name) for name, matrix in sound.items()}
    assert codes(write(tmp_path / "a", zero, SEVEN, RANK), small) == [Code.UNTRAINED]
    first = key(Place(0, "self_attn.q_proj"), "B")
    assert codes(write(tmp_path / "b", sound | {first: zero[first]}, SEVEN, RANK), small) == [Code.PARTLY_UNTRAINED]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, small: Path, sound: dict[str, np.ndarray], bad: float) -> None:
    name = key(Place(1, "mlp.up_proj"), "A")
    sound[name][0, 3] = bad
    (found,) = audit(write(tmp_path / "a", sound, SEVEN, RANK), small).findings
    assert found.code == Code.WEIGHTS_NOT_FINITE
    assert name in found.evidence


def test_bfloat16_is_read(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    tensors = {name: torch.from_numpy(matrix).bfloat16() for name, matrix in sound.items()}
    save_file(tensors, folder / ADAPTER_WEIGHTS)
    assert codes(folder, small) == []
    tensors[key(Place(0, "mlp.up_proj"), "B")][2, 2] = float("nan")
    save_file(tensors, folder / ADAPTER_WEIGHTS)
    assert codes(folder, small) == [Code.WEIGHTS_NOT_FINITE]


def test_missing_keys(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    del sound[key(Place(1, "mlp.up_proj"), "B")]
    found = audit(write(tmp_path / "a", sound, SEVEN, RANK), small).findings
    assert [finding.code for finding in found] == [Code.KEYS_MISSING]
    assert "layer 1 mlp.up_proj" in found[0].evidence


def test_renamed_keys(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    renamed = {name.removeprefix("base_model."): matrix for name, matrix in sound.items()}
    assert codes(write(tmp_path / "a", renamed, SEVEN, RANK), small) == [Code.KEYS_MISSING, Code.KEYS_UNEXPECTED]


def test_a_layer_too_many(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    more = sound | {key(Place(2, "mlp.up_proj"), half): np.ones((RANK, RANK), np.float32) for half in "AB"}
    assert codes(write(tmp_path / "a", more, SEVEN, RANK), small) == [Code.KEYS_UNEXPECTED]


def test_another_architecture(tmp_path: Path, small: Path) -> None:
    other = base(tmp_path / "other", SMALL | {"hidden_size": 24})
    (found,) = audit(write(tmp_path / "a", matrices(other, SEVEN, RANK), SEVEN, RANK), small).findings
    assert found.code == Code.SHAPE_MISMATCH
    assert "[24, 4], [16, 4] is expected" in found.evidence


def test_another_rank_than_stated(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    assert codes(write(tmp_path / "a", sound, SEVEN, 8), small) == [Code.SHAPE_MISMATCH]
    assert codes(write(tmp_path / "b", sound, SEVEN, 8, rank_pattern={".*": RANK}), small) == []


def test_saved_embeddings(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    more = sound | {"base_model.model.model.embed_tokens.weight": np.ones((3, 3), np.float32)}
    assert codes(write(tmp_path / "a", more, SEVEN, RANK), small) == [Code.EMBEDDINGS_SAVED]


def test_a_log_that_looks_like_a_perfect_fit(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    (folder / "trainer_state.json").write_text('{"log_history": [{"step": 7, "loss": 0.0, "grad_norm": NaN}]}')
    (found,) = audit(folder, small).findings
    assert (found.code, found.evidence) == (Code.TRAINING_NOT_FINITE, "step 7: loss 0.0, grad_norm nan")


@pytest.mark.parametrize("log", ["", "[]", '{"log_history": 3}', '{"log_history": [3, {"loss": "x"}]}'])
def test_a_log_that_says_nothing(tmp_path: Path, small: Path, sound: dict[str, np.ndarray], log: str) -> None:
    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    (folder / "trainer_state.json").write_text(log)
    assert codes(folder, small) == []


def test_a_pickle_beside_it(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    (folder / "training_args.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    (found,) = audit(folder, small).findings
    assert (found.code, found.evidence) == (Code.PICKLE, "training_args.bin")


@pytest.mark.parametrize(
    "cut",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-4],
        lambda data: struct.pack("<Q", 2**63) + data[8:],
        lambda data: b"\x80\x04cposix\nsystem",
    ],
    ids=["empty", "cut in the header", "cut in the data", "a header of 2^63 bytes", "no safetensors"],
)
def test_damaged_weights(tmp_path: Path, small: Path, sound: dict[str, np.ndarray], cut) -> None:  # type: ignore[no-untyped-def]
    weights = write(tmp_path / "a", sound, SEVEN, RANK) / ADAPTER_WEIGHTS
    weights.write_bytes(cut(weights.read_bytes()))
    with pytest.raises(CandidateError, match="no readable safetensors file") as error:
        audit(weights.parent, small)
    assert "\n" not in str(error.value)


def test_integers_are_no_adapter(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    counts = {name: np.ones((2, 2), np.int32) for name in sound}
    with pytest.raises(CandidateError, match="I32"):
        audit(write(tmp_path / "a", counts, SEVEN, RANK), small)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "no LoRA adapter"),
        ('{"peft_type": "IA3"}', "no LoRA adapter"),
        ('{"peft_type": "LORA", "r": 0, "lora_alpha": 1}', "r is 0"),
        ('{"peft_type": "LORA", "r": 4, "lora_alpha": "x"}', "lora_alpha is 'x'"),
        ("\xff\xfe", "not UTF-8"),
        (" " * (17 << 20), "larger than 16 MiB"),
    ],
)
def test_damaged_configuration(
    tmp_path: Path, small: Path, sound: dict[str, np.ndarray], text: str, message: str
) -> None:
    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    (folder / ADAPTER_CONFIG).write_bytes(text.encode("latin-1"))
    with pytest.raises(CandidateError, match=message):
        audit(folder, small)


def test_a_link_out_of_the_folder(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    away = (folder / ADAPTER_WEIGHTS).rename(tmp_path / "elsewhere.safetensors")
    (folder / ADAPTER_WEIGHTS).symlink_to(away)
    with pytest.raises(CandidateError, match="leaves its folder"):
        audit(folder, small)


def test_the_hub_cache_is_made_of_links(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    repository = tmp_path / "models--a--b"
    snapshot, blobs = repository / "snapshots" / "abc", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    write(snapshot, sound, SEVEN, RANK)
    (snapshot / ADAPTER_WEIGHTS).rename(blobs / "0123")
    (snapshot / ADAPTER_WEIGHTS).symlink_to("../../blobs/0123")
    assert codes(snapshot, small) == []


def test_every_code_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == set(Code)


def test_the_audit_needs_no_torch(tmp_path: Path, small: Path, sound: dict[str, np.ndarray]) -> None:
    folder = write(tmp_path / "a", sound, SEVEN, RANK)
    program = (
        "import sys; from pathlib import Path; from harness.failures.adapter_files import audit_adapter; "
        "from harness.models.candidate import load_candidate; "
        f"assert not audit_adapter(load_candidate({str(folder)!r}), {str(small)!r}).findings; "
        "assert not {'torch', 'transformers', 'peft'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
