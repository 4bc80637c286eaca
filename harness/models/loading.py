"""Load what a cell runs: base, adapter on base, or the two merged, with every mishap turned into one clear line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import CandidateError, DeviceError
from harness.files import sha256_text
from harness.models.candidate import ADAPTER_WEIGHTS
from harness.models.fingerprint import base_folder, first_line, is_hub_id
from harness.models.matrix import Cell, Device, DType, Form, unavailable

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

AnyModel = TypeVar("AnyModel", bound="torch.nn.Module")


def load_tokenizer(source: str | Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a folder or Hub id; it must carry a chat template. Raises CandidateError."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(_existing(source))
    except (OSError, ValueError) as error:
        raise _unreadable("tokenizer", source, error) from error
    if not tokenizer.chat_template:
        raise CandidateError(
            f"the tokenizer of {source} has no chat template", remedy="use FunctionGemma's tokenizer folder as it came"
        )
    return tokenizer


def template_fingerprint(tokenizer: "PreTrainedTokenizerBase") -> str:
    """SHA-256 of the chat template's text: a prompt is only as comparable as the template that printed it."""
    return sha256_text(str(tokenizer.chat_template))


def load_base(source: str | Path, cell: Cell) -> "PreTrainedModel":
    """The base in the cell's dtype on the cell's device, in eval mode. Raises CandidateError or DeviceError."""
    _check_available(cell)
    return _placed(_read_base(source, cell.dtype), cell.device)


def load_cell_model(
    base_source: str | Path, candidate_folder: Path | None, cell: Cell
) -> "PreTrainedModel | PeftModel":
    """The model a cell runs, in eval mode on the cell's device.

    `base`: the base in the cell's dtype. `adapter`: PEFT on that base, with PEFT's own default of float32 adapter
    weights on a 16-bit base. `merged`: merged in float32 (a merge in 16 bits rounds twice), then cast to the cell's
    dtype. Raises CandidateError (base or adapter unreadable, or not fitting one another) or DeviceError.
    """
    if cell.form is Form.BASE or candidate_folder is None:
        return load_base(base_source, cell)
    _check_available(cell)
    if cell.form is Form.ADAPTER:
        adapted = attach_adapter(_read_base(base_source, cell.dtype), candidate_folder)
        return _placed(adapted, cell.device)
    adapted = attach_adapter(_read_base(base_source, DType.FLOAT32), candidate_folder)
    merged = _merged(adapted, candidate_folder)
    return _placed(merged, cell.device, _torch_dtype(cell.dtype))


def attach_adapter(model: "PreTrainedModel", folder: Path, *, trainable: bool = False) -> "PeftModel":
    """Put a candidate's adapter on its base. Raises CandidateError when its tensors are not those the base asks for."""
    from peft import PeftModel
    from safetensors import SafetensorError

    try:
        with no_upstream_warnings():
            # PEFT only warns of missing keys and says nothing of unexpected ones; `_check_keys` refuses both.
            warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
            adapted = PeftModel.from_pretrained(model, folder, is_trainable=trainable)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CandidateError(
            f"the adapter does not load on this base: {first_line(error)}",
            path=folder,
            remedy="give the base it was trained on with --base-model, or train again",
        ) from error
    _check_keys(adapted, folder)
    return adapted


@contextmanager
def no_upstream_warnings() -> Iterator[None]:
    """Keep quiet what PEFT 0.21 does when it wraps a model of transformers 5.23: read a property by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        yield


def _check_keys(adapted: "PeftModel", folder: Path) -> None:
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as stream:
        stored = set(stream.keys())
    expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    missing, odd = sorted(expected - stored), sorted(stored - expected)
    if missing or odd:
        raise CandidateError(
            f"the adapter's tensors do not fit this base: {len(missing)} missing, {len(odd)} unexpected, "
            f"first {(missing or odd)[0]}",
            path=folder,
            remedy="give the base it was trained on with --base-model, or train again",
        )


def _merged(adapted: "PeftModel", folder: Path) -> "PreTrainedModel":
    """Merge, refusing an adapter that holds NaN or infinities (safe_merge) instead of poisoning the base."""
    try:
        merged: PreTrainedModel = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise CandidateError(
            f"the adapter cannot be merged: {first_line(error)}", path=folder, remedy="train the candidate again"
        ) from error
    return merged


def _read_base(source: str | Path, dtype: DType) -> "PreTrainedModel":
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        with _no_progress_bar():
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                _existing(source), dtype=_torch_dtype(dtype), use_safetensors=True, attn_implementation="sdpa"
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unreadable("base model", source, error) from error
    return model


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Loading takes a moment; its bar would stand in every test's captured output."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _existing(source: str | Path) -> str:
    """`source` for `from_pretrained`, which would take a mistyped path for a Hub id and ask the network for it."""
    return str(source) if is_hub_id(source) else str(base_folder(source))


def _placed(model: AnyModel, device: Device, dtype: "torch.dtype | None" = None) -> AnyModel:
    """The model on the device, in `dtype` if one is given, in eval mode."""
    import torch

    module: torch.nn.Module = model
    try:
        module.to(device=device.value, dtype=dtype)
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"out of memory while moving the model to {device}", remedy="free the device, or use a narrower --dtype"
        ) from error
    module.train(False)
    return model


def _check_available(cell: Cell) -> None:
    reason = unavailable(cell)
    if reason is not None:
        raise DeviceError(f"cell {cell.id} cannot run here: {reason}", remedy="choose another --device or --dtype")


def _torch_dtype(dtype: DType) -> "torch.dtype":
    import torch

    return {DType.FLOAT32: torch.float32, DType.FLOAT16: torch.float16, DType.BFLOAT16: torch.bfloat16}[dtype]


def _unreadable(what: str, source: str | Path, error: Exception) -> CandidateError:
    return CandidateError(
        f"cannot load the {what} of {source}: {first_line(error)}",
        remedy="give the folder of a transformers model (config.json, *.safetensors, tokenizer), or a Hub id",
    )
