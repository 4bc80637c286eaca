"""A candidate as the libraries alone load and run it, with none of the checks of this project between."""

import warnings
from typing import TYPE_CHECKING, Any

from harness.calls.prompt import build_prompt
from harness.models.decoding import stop_token_ids
from harness.models.loading import load_base, load_tokenizer, no_upstream_warnings
from harness.models.matrix import Cell, Device, DType, Form

from .workshop import Made

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import GenerationConfig, PreTrainedModel

MOST = 32  # new tokens
REQUEST = "Play Yellow by Coldplay"


def base_model(made: Made, dtype: DType = DType.FLOAT32) -> "PreTrainedModel":
    """The candidate's base on the CPU."""
    return load_base(made.base, Cell(Device.CPU, dtype, Form.BASE))


def adapted_model(made: Made) -> "tuple[PeftModel, list[str]]":
    """The base with the adapter on it, in float32, and what PEFT warned of."""
    from peft import PeftModel

    with warnings.catch_warnings(record=True) as caught, no_upstream_warnings():
        warnings.simplefilter("always", UserWarning)
        adapted = PeftModel.from_pretrained(base_model(made), made.folder)
    adapted.train(False)
    return adapted, [str(warning.message) for warning in caught]


def prompt_ids(made: Made, request: str = REQUEST) -> list[int]:
    """A request's prompt at the candidate's stage."""
    functions = made.suite.stage(made.stage).functions
    return list(build_prompt(load_tokenizer(made.base), functions, request, developer=made.suite.developer).ids)


def written(made: Made, model: Any, *, own_settings: bool = False, sample: bool = False) -> str:
    """What `generate` writes to one request: greedily with the format's stop ids, or by the folder's own settings."""
    settings = _own_settings(made) if own_settings else _settings(made, sample=sample)
    return _continued(made, model, [prompt_ids(made)], settings)[0]


def written_in_a_batch(made: Made, model: Any, requests: list[str]) -> list[str]:
    """What `generate` writes to several requests, padded by the folder's own tokenizer."""
    return _continued(made, model, [prompt_ids(made, request) for request in requests], _settings(made))


def _settings(made: Made, *, sample: bool = False) -> "GenerationConfig":
    from transformers import GenerationConfig

    stops = sorted(stop_token_ids(load_tokenizer(made.base)))
    return GenerationConfig(do_sample=sample, eos_token_id=stops, pad_token_id=0)


def _own_settings(made: Made) -> "GenerationConfig":
    from transformers import GenerationConfig

    return GenerationConfig.from_pretrained(made.folder)


def _continued(made: Made, model: Any, prompts: list[list[int]], settings: "GenerationConfig") -> list[str]:
    import torch

    tokenizer = load_tokenizer(made.folder)
    batch = tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    settings.max_new_tokens = MOST
    with torch.inference_mode():
        ids = model.generate(**batch, generation_config=settings)
    return [str(tokenizer.decode(row)) for row in ids[:, batch["input_ids"].shape[1] :].tolist()]
