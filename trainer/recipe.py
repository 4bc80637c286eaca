"""Recipes: the settings of a training run, read from YAML, every key checked before anything heavy is imported."""

from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path

import yaml

from harness.errors import DataError
from harness.jsontypes import Json

RECIPES = Path(__file__).parent / "recipes"
SEVEN_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
STAGES_KEY = "stages"


class Packing(StrEnum):
    """How rows share a forward pass: each padded on its own, or all behind one copy of the declarations they share."""

    NONE = "none"
    SHARED_PREFIX = "shared_prefix"


class Schedule(StrEnum):
    """How the learning rate goes after the warm-up; the values are the transformers' names."""

    CONSTANT = "constant_with_warmup"
    LINEAR = "linear"
    COSINE = "cosine"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of one training run; its command-line options too, so every field says what it does and its unit."""

    r: int = field(default=16, metadata={"help": "rank of the adapter's matrices"})
    alpha: int = field(default=32, metadata={"help": "the adapter's delta is scaled by alpha / r"})
    dropout: float = field(default=0.05, metadata={"help": "dropout on the adapter's input, 0 to below 1"})
    rslora: bool = field(default=False, metadata={"help": "scale by alpha / sqrt(r) instead"})
    target_modules: list[str] = field(
        default_factory=lambda: list(SEVEN_MODULES), metadata={"help": "the linear modules that get an adapter"}
    )
    epochs: float = field(default=5, metadata={"help": "passes over the rows"})
    steps: int = field(default=0, metadata={"help": "optimizer steps; above 0 it overrides epochs"})
    batch_size: int = field(default=2, metadata={"help": "rows a forward pass"})
    accumulation: int = field(default=4, metadata={"help": "forward passes an optimizer step"})
    learning_rate: float = field(default=2e-4, metadata={"help": "highest learning rate"})
    schedule: Schedule = field(default=Schedule.LINEAR, metadata={"help": "the learning rate after the warm-up"})
    warmup: float = field(default=0.0, metadata={"help": "share of the steps that warm up, 0 to below 1"})
    weight_decay: float = field(default=0.01, metadata={"help": "AdamW's weight decay"})
    max_grad_norm: float = field(default=1.0, metadata={"help": "gradients are clipped to this norm"})
    max_length: int = field(default=0, metadata={"help": "tokens a row may have; 0: as many as the longest row has"})
    packing: Packing = field(default=Packing.NONE, metadata={"help": "how rows share a forward pass"})
    completion_only: bool = field(default=True, metadata={"help": "the prompt carries no loss"})
    no_call_reply: str = field(
        default="I cannot help with that.", metadata={"help": "what is trained where no function applies"}
    )
    seed: int = field(default=42, metadata={"help": "seed of adapter, dropout and order of the rows"})

    def __post_init__(self) -> None:
        """Raise ValueError naming the setting that is out of range; take the enums' values for their members."""
        object.__setattr__(self, "schedule", Schedule(self.schedule))
        object.__setattr__(self, "packing", Packing(self.packing))
        bounds = {
            "r": self.r >= 1,
            "alpha": self.alpha >= 1,
            "dropout": 0 <= self.dropout < 1,
            "target_modules": bool(self.target_modules),
            "epochs": self.epochs > 0,
            "steps": self.steps >= 0,
            "batch_size": self.batch_size >= 1,
            "accumulation": self.accumulation >= 1,
            "learning_rate": 0 < self.learning_rate < 1,
            "warmup": 0 <= self.warmup < 1,
            "weight_decay": self.weight_decay >= 0,
            "max_grad_norm": self.max_grad_norm > 0,
            "max_length": self.max_length >= 0,
            "no_call_reply": bool(self.no_call_reply.strip()),
            "seed": 0 <= self.seed < 2**32,
        }
        for name, fits in bounds.items():
            if not fits:
                raise ValueError(f"{name} is out of range: {asdict(self)[name]!r}")

    def as_json(self) -> dict[str, Json]:
        """The recipe as `candidate.json` records it."""
        return {name: list(value) if isinstance(value, list) else value for name, value in asdict(self).items()}


def recipe_path(name: str) -> Path:
    """The file of a recipe: a path, or the name of one in `trainer/recipes`. Raises DataError when there is none."""
    for path in (Path(name), RECIPES / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.yaml")))
    raise DataError(f"there is no recipe {name}", remedy=f"give a YAML file, or one of: {known}")


def read_settings(path: Path, stage: str) -> dict[str, Json]:
    """A recipe file's settings for a stage: its keys, then those under `stages: {STAGE: ...}` over them.

    Raises DataError with file and line: YAML that cannot be read, an unknown or repeated key, a value of the wrong type
    or out of range.
    """
    settings: dict[str, Json] = {}
    per_stage: yaml.Node | None = None
    for key, node in _pairs(_compose(path), path):
        if key == STAGES_KEY:
            per_stage = node
        else:
            settings[key] = _value(key, node, path)
    for name, node in _pairs(per_stage, path) if per_stage else ():
        for key, value_node in _pairs(node, path):
            value = _value(key, value_node, path)
            if name == stage:
                settings[key] = value
    return settings


def _compose(path: Path) -> yaml.Node:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise DataError(f"cannot read the recipe: {error.strerror}", path=path) from error
    except UnicodeDecodeError as error:
        raise DataError("the recipe is not UTF-8", path=path) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DataError(f"not YAML: {error.problem}", path=path, line=line) from error
    if node is None:
        raise DataError("the recipe is empty", path=path, remedy=f"keys: {', '.join(_types())}")
    return node


def _pairs(node: yaml.Node, path: Path) -> list[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise DataError("expected `key: value` lines", path=path, line=node.start_mark.line + 1)
    pairs: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in pairs:
            raise DataError(f"key {key.value!r} is repeated or no word", path=path, line=key.start_mark.line + 1)
        pairs[key.value] = value
    return list(pairs.items())


def _value(key: str, node: yaml.Node, path: Path) -> Json:
    accepted, line = _types(), int(node.start_mark.line) + 1
    if key not in accepted:
        known = f"keys: {', '.join(accepted)}, {STAGES_KEY}"
        raise DataError(f"unknown recipe key {key!r}", path=path, line=line, remedy=known)
    value, expected = _plain(node), accepted[key]
    if expected is float and type(value) is int:
        value = float(value)
    fits = all(isinstance(item, str) for item in value) if isinstance(value, list) else True
    if type(value) is not expected or not fits:
        what = f"recipe key {key!r} takes {_TYPE_NAMES[expected]}, found {value!r}"
        raise DataError(what, path=path, line=line)
    try:
        replace(Recipe(), **{key: value})  # type: ignore[arg-type]  # the type was checked just above
    except ValueError as error:
        raise DataError(f"recipe key {key!r}: {error}", path=path, line=line) from error
    return value


def _plain(node: yaml.Node) -> Json:
    """The value of a scalar or of a list of scalars; None, which no key takes, for anything else."""
    loader = yaml.SafeLoader("")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    value = loader.construct_object(node) if isinstance(node, yaml.ScalarNode) else None
    return value if isinstance(value, (bool, int, float, str)) else None


_TYPE_NAMES = {int: "an integer", float: "a number", str: "a text", bool: "true or false", list: "a list of names"}


def _types() -> dict[str, type]:
    """The YAML type of every recipe key."""
    plain: dict[object, type] = {
        int: int,
        float: float,
        bool: bool,
        str: str,
        list[str]: list,
        Schedule: str,
        Packing: str,
    }
    return {setting.name: plain[setting.type] for setting in fields(Recipe)}
