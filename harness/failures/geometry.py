"""The linear modules of a base, from its `config.json` alone: what an adapter can sit on, and of which shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CandidateError, DataError
from harness.files import read_json
from harness.jsontypes import Json
from harness.models.fingerprint import base_folder

_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A linear module: its layer (from 0), and its name within it, as in `self_attn.q_proj`."""

    layer: int
    module: str

    @property
    def projection(self) -> str:
        """The last part of its name, by which `target_modules` calls it."""
        return self.module.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Shape:
    """Numbers that go in and come out."""

    inputs: int
    outputs: int


def linear_modules(base: str | Path) -> Mapping[Place, Shape]:
    """Every linear module of a Gemma 3 text model's layers, `base` being its folder or Hub id.

    Raises CandidateError when the configuration cannot be read or lacks a size.
    """
    path = base_folder(base) / "config.json"
    try:
        config = read_json(path)
    except DataError as error:
        raise CandidateError(error.what, path=path, remedy="give the folder of a transformers model") from error
    return _linear_modules(config, path)


def _linear_modules(config: Json, path: Path) -> dict[Place, Shape]:
    if isinstance(config, dict) and isinstance(config.get("text_config"), dict):
        config = config["text_config"]
    sizes = {name: config.get(name) if isinstance(config, dict) else None for name in (*_SIZES, "head_dim")}
    wrong = [name for name, size in sizes.items() if not isinstance(size, int) or isinstance(size, bool) or size < 1]
    if wrong:
        raise CandidateError(f"no usable {', '.join(wrong)}", path=path, remedy="give a Gemma 3 text model")
    hidden, inner, layers, heads, shared_heads, width = (int(str(size)) for size in sizes.values())
    shapes = {
        "self_attn.q_proj": Shape(hidden, heads * width),
        "self_attn.k_proj": Shape(hidden, shared_heads * width),
        "self_attn.v_proj": Shape(hidden, shared_heads * width),
        "self_attn.o_proj": Shape(heads * width, hidden),
        "mlp.gate_proj": Shape(hidden, inner),
        "mlp.up_proj": Shape(hidden, inner),
        "mlp.down_proj": Shape(inner, hidden),
    }
    return {Place(layer, module): shape for layer in range(layers) for module, shape in shapes.items()}
