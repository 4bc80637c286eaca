"""Adapters made of numbers: right for their base's geometry until a test breaks one."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from harness.failures.geometry import Place, linear_modules
from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS

# The released FunctionGemma 270M, as its config.json has it.
GEMMA_270M = {
    "hidden_size": 640,
    "intermediate_size": 2048,
    "num_hidden_layers": 18,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
}
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
}
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ATTENTION = SEVEN[:4]


def base(folder: Path, geometry: Mapping[str, int]) -> Path:
    """A base of which only the configuration is there."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(dict(geometry)))
    return folder


def key(place: Place, half: str) -> str:
    """The name that PEFT saves a matrix under."""
    return f"base_model.model.model.layers.{place.layer}.{place.module}.lora_{half}.weight"


def matrices(base_folder: Path, targets: list[str], rank: int) -> dict[str, np.ndarray]:
    """Matrices of a trained adapter."""
    rng = np.random.default_rng(0)
    made = {}
    for place, shape in linear_modules(base_folder).items():
        if place.projection in targets:
            made[key(place, "A")] = rng.standard_normal((rank, shape.inputs), np.float32)
            made[key(place, "B")] = rng.standard_normal((shape.outputs, rank), np.float32)
    return made


def write(folder: Path, tensors: Mapping[str, np.ndarray], targets: list[str], rank: int, **config: object) -> Path:
    """An adapter's folder."""
    folder.mkdir(exist_ok=True)
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": targets, **config}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(settings))
    save_file(dict(tensors), folder / ADAPTER_WEIGHTS)
    return folder
