"""What a running model shows, on random models small enough to check by hand."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Gemma3ForCausalLM

from harness.failures.numerics import (
    FLOAT16_MOST,
    adapter_effect,
    first_not_finite,
    residual_peaks,
    two_runs_differ,
)
from harness.models.loading import no_upstream_warnings
from tests.models.tiny import tiny_model

IDS = (2, 5, 6, 7, 8)


@pytest.fixture
def model() -> Gemma3ForCausalLM:
    torch.set_num_threads(1)
    return tiny_model().eval()


def adapted(model: Gemma3ForCausalLM, dropout: float = 0.0) -> PeftModel:
    """An adapter that changes something."""
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=2, lora_alpha=4, lora_dropout=dropout, target_modules=targets, task_type="CAUSAL_LM")
    with no_upstream_warnings():
        peft = get_peft_model(model, config)
    torch.manual_seed(1)
    for name, weight in peft.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(weight, std=0.2)
    return peft.eval()


def rescale(model: Gemma3ForCausalLM, factor: float) -> None:
    """Scale the residual stream and nothing else: the norms forget scale, so float32 gives the same logits."""
    embedding = model.model.embed_tokens
    with torch.no_grad():
        head = embedding.weight.clone()
        embedding.weight.mul_(factor)
        for layer in model.model.layers:
            for norm in (layer.post_attention_layernorm, layer.post_feedforward_layernorm):
                norm.weight.copy_((1 + norm.weight) * factor - 1)  # Gemma's norms scale by 1 + weight
    model.lm_head.weight = torch.nn.Parameter(head)


def test_the_peaks_of_the_residual_stream(model: Gemma3ForCausalLM) -> None:
    hidden = model(input_ids=torch.tensor([IDS]), output_hidden_states=True).hidden_states
    peaks = residual_peaks(model, IDS)
    layers = len(model.model.layers)
    assert [peak.layer for peak in peaks] == [None, *range(layers)]
    # the library's last state is behind the final norm, so the last layer has no counterpart there
    assert [peak.value for peak in peaks[:-1]] == pytest.approx(
        [float(state.detach().abs().max()) for state in hidden[:-1]]
    )


def test_a_sound_model_has_no_culprit(model: Gemma3ForCausalLM) -> None:
    assert first_not_finite(model, IDS) is None
    assert first_not_finite(adapted(model), IDS) is None


def test_a_hot_base_overflows_float16_and_nothing_else(model: Gemma3ForCausalLM) -> None:
    before = model(input_ids=torch.tensor([IDS])).logits
    rescale(model, 2.0**16)
    torch.testing.assert_close(model(input_ids=torch.tensor([IDS])).logits, before, rtol=1e-4, atol=1e-4)
    assert max(peak.value for peak in residual_peaks(model, IDS)) > FLOAT16_MOST
    assert first_not_finite(model, IDS) is None
    assert first_not_finite(model.to(torch.bfloat16), IDS) is None
    culprit = first_not_finite(model.to(torch.float16), IDS)
    assert culprit is not None


def test_an_adapter_that_overflows_is_named(model: Gemma3ForCausalLM) -> None:
    peft = adapted(model.to(torch.float16))
    for name, weight in peft.named_parameters():
        if ".lora_" in name:
            weight.data = (weight.data * (2e5 if ".lora_A." in name else 1e-6)).half()
    culprit = first_not_finite(peft, IDS)
    assert culprit is not None
    assert "lora_A" in culprit.module
    assert "layers.0" in culprit.module


def test_the_first_bad_module_is_named_and_not_its_successors(model: Gemma3ForCausalLM) -> None:
    model.model.layers[1].mlp.up_proj.weight.data[0, 0] = float("nan")
    culprit = first_not_finite(model, IDS)
    assert culprit is not None
    assert (culprit.module, culprit.became) == ("model.layers.1.mlp.up_proj", "nan")


def test_the_effect_of_an_adapter(model: Gemma3ForCausalLM) -> None:
    peft = adapted(model)
    assert adapter_effect(peft, IDS) > 0.0
    for name, weight in peft.named_parameters():
        if ".lora_B." in name:
            weight.data.zero_()
    assert adapter_effect(peft, IDS) == 0.0


def test_dropout_left_on(model: Gemma3ForCausalLM) -> None:
    peft = adapted(model, dropout=0.5)
    assert two_runs_differ(peft, IDS) == 0.0
    peft.train()
    assert two_runs_differ(peft, IDS) > 0.0
