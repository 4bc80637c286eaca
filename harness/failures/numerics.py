"""What a running model shows: the peak of its residual stream, the first bad module, the effect of the adapter.

Gemma 3 normalises what a layer adds and never the stream itself, so the stream grows with depth; past 65,504, the
largest float16, a float16 run turns to infinity and then to NaN, and greedy decoding prints pads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

    Model = PreTrainedModel | PeftModel

FLOAT16_MOST = 65_504.0  # IEEE 754-2008, binary16
FLOAT16_NEAR = FLOAT16_MOST / 2


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest absolute value of the residual stream where it leaves a layer (from 0; None: the embeddings)."""

    layer: int | None
    value: float


@dataclass(frozen=True, slots=True)
class Culprit:
    """The first module, in the order of the forward pass, that was given finite numbers and returned others."""

    module: str
    became: str  # "nan" or "inf"


def last_logits(model: "Model", ids: Sequence[int]) -> "torch.Tensor":
    """The logits (vocabulary) behind the last of `ids`, in float32 on the CPU, of one forward pass."""
    import torch

    untyped: Any = model
    with torch.inference_mode():
        tokens = torch.tensor([list(ids)], device=untyped.device)
        logits: torch.Tensor = untyped(input_ids=tokens, logits_to_keep=1, use_cache=False).logits
    return logits[0, -1].float().cpu()


def residual_peaks(model: "Model", ids: Sequence[int]) -> tuple[Peak, ...]:
    """The peak of the residual stream at the embeddings and after every layer, of one forward pass over `ids`."""
    peaks: list[Peak] = []
    untyped: Any = model
    decoder = untyped.get_decoder()

    def watch(layer: int | None) -> Any:
        def hook(_module: Any, _args: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            peaks.append(Peak(layer, float(hidden.abs().max())))

        return hook

    handles = [decoder.embed_tokens.register_forward_hook(watch(None))]
    handles += [layer.register_forward_hook(watch(index)) for index, layer in enumerate(decoder.layers)]
    try:
        last_logits(model, ids)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(peaks)


def first_not_finite(model: "Model", ids: Sequence[int]) -> Culprit | None:
    """Who spoils a forward pass over `ids`; None when the logits come out finite."""
    found: list[Culprit] = []
    untyped: Any = model

    def watch(name: str) -> Any:
        def hook(_module: Any, args: Any, kwargs: Any, output: Any) -> None:
            # A mask may hold infinities and means them, so only what flows through the layers counts as given.
            given = [*args, kwargs.get("hidden_states")]
            if not found and all(_finite(value) for value in given) and not _finite(output):
                found.append(Culprit(name, _what(output)))

        return hook

    handles = [
        module.register_forward_hook(watch(name), with_kwargs=True) for name, module in untyped.named_modules() if name
    ]
    try:
        logits = last_logits(model, ids)
    finally:
        for handle in handles:
            handle.remove()
    return None if bool(logits.isfinite().all()) else (found or [Culprit("the model", "nan")])[0]


def _tensors(value: Any) -> Iterator["torch.Tensor"]:
    import torch

    if isinstance(value, torch.Tensor) and value.is_floating_point():
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):  # a library's output object
        yield from _tensors(list(value.values()))


def _finite(value: Any) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in _tensors(value))


def _what(value: Any) -> str:
    return "nan" if any(bool(tensor.isnan().any()) for tensor in _tensors(value)) else "inf"


def adapter_effect(model: "PeftModel", ids: Sequence[int]) -> float:
    """The largest difference that the adapter makes to a logit behind `ids`; 0.0 where it is not applied at all."""
    with_adapter = last_logits(model, ids)
    with model.disable_adapter():
        without = last_logits(model, ids)
    return float((with_adapter - without).abs().max())


def two_runs_differ(model: "Model", ids: Sequence[int]) -> float:
    """The largest difference between the logits of two equal runs: above 0.0 where dropout was left on."""
    return float((last_logits(model, ids) - last_logits(model, ids)).abs().max())
