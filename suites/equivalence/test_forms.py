"""Adapter, merged, and base plus delta are one model in float32."""

import json

import pytest

from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from harness.models.matrix import Form

from .subjects import STAGES, Subjects

pytestmark = pytest.mark.equivalence

CLOSE = 1e-4  # in units of the logits


@pytest.mark.parametrize("stage", STAGES)
def test_adapter_and_merged_write_the_same_to_every_case(subjects: Subjects, stage: str) -> None:
    prompts = subjects.prompts(stage, count=None)
    adapter, merged = (subjects.engine(form).complete(prompts) for form in (Form.ADAPTER, Form.MERGED))
    assert [row.token_ids for row in adapter] == [row.token_ids for row in merged]


@pytest.mark.parametrize("stage", STAGES)
def test_adapter_and_merged_have_the_same_logits(subjects: Subjects, stage: str) -> None:
    for prompt, row in zip(subjects.prompts(stage), subjects.written(stage, Form.ADAPTER), strict=True):
        adapter, merged = (subjects.logits(form, prompt, row.tokens) for form in (Form.ADAPTER, Form.MERGED))
        assert (adapter - merged).abs().max() <= CLOSE


def test_merged_is_the_base_and_the_scaled_product_of_the_adapters_matrices(subjects: Subjects) -> None:
    """W + alpha / r * B A, of Hu et al. 2021, section 4.1: https://arxiv.org/abs/2106.09685."""
    import torch
    from safetensors.torch import load_file

    config = json.loads((subjects.candidate / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    assert not config["use_rslora"]
    tensors = load_file(subjects.candidate / ADAPTER_WEIGHTS)
    base, merged = (subjects.model(form).state_dict() for form in (Form.BASE, Form.MERGED))
    changed = set()
    for name in (name for name in tensors if name.endswith(".lora_A.weight")):
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        product = tensors[name.replace("lora_A", "lora_B")].double() @ tensors[name].double()
        wanted = base[f"{module}.weight"].double() + config["lora_alpha"] / config["r"] * product
        assert torch.allclose(merged[f"{module}.weight"].double(), wanted, rtol=1e-5, atol=1e-6), module
        changed.add(f"{module}.weight")
    assert changed
    for name in base.keys() - changed:
        assert torch.equal(base[name], merged[name]), name
