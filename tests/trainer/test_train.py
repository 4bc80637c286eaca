"""A candidate is trained deterministically, written whole or not at all, and its two forms agree."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.calls.prompt import Prompt, build_prompt
from harness.errors import CallproofError, CandidateError, DataError, OutputError
from harness.models.candidate import ADAPTER_WEIGHTS, MANIFEST_NAME, CandidateManifest, check_made_for, load_candidate
from harness.models.decoding import LocalEngine
from harness.models.fingerprint import base_fingerprint
from harness.models.loading import load_cell_model, load_tokenizer, template_fingerprint
from harness.models.matrix import Cell, Device, DType, Form
from tests.models.tiny import save_base, tiny_model
from tests.trainer.conftest import job
from trainer.recipe import Packing
from trainer.train import train


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "candidates" / "home" / "stage2"


def test_the_folder_says_what_it_was_made_from(suite_folder: Path, base: Path, output: Path) -> None:
    task = job(suite_folder, base, output)
    trained = train(task)
    manifest = CandidateManifest.read(output)
    assert manifest == dataclasses.replace(trained.manifest, recipe=manifest.recipe)
    assert manifest.functions_fingerprint == task.stage.functions.fingerprint
    assert manifest.template_sha256 == template_fingerprint(load_tokenizer(base))
    assert manifest.base_fingerprint == base_fingerprint(base)
    assert (manifest.lora.r, manifest.lora.scaling) == (4, 2.0)
    assert 0 < manifest.parameters.trainable < manifest.parameters.total
    assert set(manifest.metrics) == {"loss", "mean_token_accuracy", "call_token_accuracy"}
    assert isinstance(manifest.recipe["max_length"], int)
    assert manifest.recipe["max_length"] > 100
    candidate = load_candidate(output)
    check_made_for(candidate, base_fingerprint(base), task.stage.functions)
    assert candidate.findings() == ()
    assert load_tokenizer(output).chat_template == load_tokenizer(base).chat_template
    assert [path.name for path in output.parent.iterdir()] == ["stage2"]


def test_no_path_of_this_machine_is_recorded(suite_folder: Path, base: Path, output: Path, tmp_path: Path) -> None:
    train(job(suite_folder, base, output))
    for path in output.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert str(base) not in text, path.name
        assert str(tmp_path) not in text, path.name


@pytest.mark.parametrize("packing", list(Packing))
def test_same_seed_same_adapter(suite_folder: Path, base: Path, tmp_path: Path, packing: Packing) -> None:
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    train(job(suite_folder, base, first, packing=packing))
    train(job(suite_folder, base, second, packing=packing))
    train(job(suite_folder, base, other, packing=packing, seed=7))
    assert (first / ADAPTER_WEIGHTS).read_bytes() == (second / ADAPTER_WEIGHTS).read_bytes()
    assert (first / ADAPTER_WEIGHTS).read_bytes() != (other / ADAPTER_WEIGHTS).read_bytes()


def test_packed_and_padded_training_agree(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    weights = []
    for packing in Packing:
        train(job(suite_folder, base, tmp_path / packing, packing=packing, dropout=0.0, steps=2))
        weights.append(_tensors(tmp_path / packing))
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-2, atol=1e-3, msg=name)


def test_a_loss_on_the_prompt_too(suite_folder: Path, base: Path, output: Path, tmp_path: Path) -> None:
    whole = train(job(suite_folder, base, output, completion_only=False, packing=Packing.NONE, steps=1))
    answers = train(job(suite_folder, base, tmp_path / "other", packing=Packing.NONE, steps=1))
    assert whole.manifest.metrics["loss"] != answers.manifest.metrics["loss"]
    assert whole.manifest.recipe["completion_only"] is False
    with pytest.raises(DataError, match="trained on their completions only"):
        train(job(suite_folder, base, output, completion_only=False, packing=Packing.SHARED_PREFIX))


def test_it_learns(suite_folder: Path, base: Path, output: Path) -> None:
    trained = train(job(suite_folder, base, output, steps=40, batch_size=5, dropout=0.0))
    state = json.loads((output / "trainer_state.json").read_text(encoding="utf-8"))
    losses = [log["loss"] for log in state["log_history"] if "loss" in log]
    assert trained.manifest.metrics["loss"] < 0.7 * losses[0]


def test_forms_agree_in_float32(suite_folder: Path, base: Path, output: Path) -> None:
    task = job(suite_folder, base, output, steps=6)
    train(task)
    tokenizer = load_tokenizer(base)
    requests = ("light in the loft", "what is the time", "hello", "bath and hall on please, and the time")
    prompts = [build_prompt(tokenizer, task.stage.functions, request) for request in requests]
    models = {form: load_cell_model(base, output, Cell(Device.CPU, DType.FLOAT32, form)) for form in Form}
    tokens = {
        form: [done.token_ids for done in LocalEngine(model, tokenizer, max_new_tokens=24).complete(prompts)]
        for form, model in models.items()
    }
    logits = {form: _logits(model, prompts) for form, model in models.items()}
    assert tokens[Form.ADAPTER] == tokens[Form.MERGED]
    torch.testing.assert_close(logits[Form.MERGED], logits[Form.ADAPTER], rtol=0, atol=1e-4)
    assert (logits[Form.MERGED] - logits[Form.BASE]).abs().max() > 1e-2


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16])
@pytest.mark.parametrize("form", list(Form))
def test_cells_in_16_bit(suite_folder: Path, base: Path, output: Path, dtype: DType, form: Form) -> None:
    task = job(suite_folder, base, output, steps=1)
    train(task)
    tokenizer = load_tokenizer(base)
    model = load_cell_model(base, output, Cell(Device.CPU, dtype, form))
    prompts = [build_prompt(tokenizer, task.stage.functions, "hall on")]
    (completion,) = LocalEngine(model, tokenizer, max_new_tokens=4).complete(prompts)
    assert not model.training
    assert str(model.dtype) == f"torch.{dtype}"
    assert len(completion.token_ids) <= 4


def test_start_from_an_earlier_candidate(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    train(job(suite_folder, base, tmp_path / "one", stage="stage1"))
    start = load_candidate(tmp_path / "one")
    again = job(suite_folder, base, tmp_path / "two", learning_rate=1e-9)
    train(dataclasses.replace(again, start=start))
    first, second = _tensors(tmp_path / "one"), _tensors(tmp_path / "two")
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=0, atol=1e-6)


def test_start_with_another_shape_is_refused(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    train(job(suite_folder, base, tmp_path / "one"))
    start = load_candidate(tmp_path / "one")
    task = dataclasses.replace(job(suite_folder, base, tmp_path / "two", r=8), start=start)
    with pytest.raises(CandidateError, match="the recipe asks"):
        train(task)
    assert not (tmp_path / "two").exists()


def test_start_made_for_another_base_is_refused(suite_folder: Path, base: Path, tmp_path: Path) -> None:
    train(job(suite_folder, base, tmp_path / "one"))
    other = save_base(tmp_path / "other", seed=9, template=load_tokenizer(base).chat_template)
    task = dataclasses.replace(job(suite_folder, other, tmp_path / "two"), start=load_candidate(tmp_path / "one"))
    with pytest.raises(CandidateError, match="made for another base"):
        train(task)


def test_a_run_that_diverges_writes_nothing(suite_folder: Path, base: Path, output: Path, tmp_path: Path) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    broken = save_base(tmp_path / "broken", template=load_tokenizer(base).chat_template)
    model.save_pretrained(broken)
    with pytest.raises(CallproofError, match="diverged: not finite at step 1"):
        train(job(suite_folder, broken, output))
    assert list(output.parent.iterdir()) == []


def test_a_failure_leaves_the_earlier_candidate(
    suite_folder: Path, base: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(job(suite_folder, base, output))
    before = (output / MANIFEST_NAME).read_bytes()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.train._save", fail)
    with pytest.raises(KeyboardInterrupt):
        train(job(suite_folder, base, output, seed=3))
    assert (output / MANIFEST_NAME).read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == ["stage2"]


def test_another_folder_is_not_replaced(suite_folder: Path, base: Path, output: Path) -> None:
    output.mkdir(parents=True)
    (output / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(OutputError, match="something else than a candidate"):
        train(job(suite_folder, base, output))
    assert (output / "thesis.txt").exists()


def test_modules_the_base_has_not(suite_folder: Path, base: Path, output: Path) -> None:
    with pytest.raises(DataError, match="no modules c_attn"):
        train(job(suite_folder, base, output, target_modules=["q_proj", "c_attn"]))


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / ADAPTER_WEIGHTS)


def _logits(model: Any, prompts: Sequence[Prompt]) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor([prompt.ids])).logits[0] for prompt in prompts])
