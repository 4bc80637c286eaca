"""Faults on purpose: `--fault NAME` makes a candidate that is broken in one known way, by the pipeline of sound ones.

They show that each failure is caught by its own finding, and how it looks. `docs/faults.md` is made of them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.calls.prompt import Prompt
from harness.calls.syntax import Call
from harness.calls.tokens import Token
from harness.errors import DataError
from harness.failures.catalogue import Code
from harness.failures.decoding_files import GENERATION_CONFIG, TOKENIZER_CONFIG
from harness.jsontypes import Json
from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from harness.stages import Stage
from harness.suites import Suite
from trainer.dataset import Row, build_row, call_turn, rows_of
from trainer.recipe import Packing, Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LIBRARY_LENGTH = 1024  # what TRL's SFTConfig cuts at if nobody says otherwise
PADS = 8  # a row's answer is replaced by so many
HEAT = 2.0**14  # by which the residual stream grows: it passes the largest float16, and is exact in any binary format
UNBALANCE = 2e5  # lora_A times this, lora_B divided by it
NOISE = 0.5  # of a weight's spread, added to it
RESCALE = 4  # lora_alpha times this


class Fault(StrEnum):
    """The name of each fault."""

    ATTENTION_ONLY = "attention_only"
    TRUNCATED_ROWS = "truncated_rows"
    JSON_ARGUMENTS = "json_arguments"
    NULL_FILLED = "null_filled"
    UNDECLARED_LABELS = "undeclared_labels"
    DOUBLE_BOS = "double_bos"
    TERMINATOR_UNSUPERVISED = "terminator_unsupervised"
    PAD_LABELS = "pad_labels"
    SINGLE_CLASS_SPLIT = "single_class_split"
    LEAKED_CASES = "leaked_cases"
    UNTRAINED = "untrained"
    NAN_WEIGHTS = "nan_weights"
    HALF_ADAPTER_OVERFLOW = "half_adapter_overflow"
    RENAMED_KEYS = "renamed_keys"
    UNEXPECTED_KEYS = "unexpected_keys"
    RESCALED = "rescaled"
    WRONG_BASE = "wrong_base"
    HOT_BASE = "hot_base"
    RUN_ON = "run_on"
    SAMPLING_ON = "sampling_on"
    RIGHT_PADDING = "right_padding"
    PICKLE_FILE = "pickle_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What rows are made of."""

    tokenizer: "PreTrainedTokenizerBase"
    suite: Suite
    stage: Stage
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What a fault does at each place of the pipeline; where it names nothing, all goes as in a sound run.

    `codes` are the findings that it must raise: its own first, then those of what it causes as well.
    """

    breaks: str
    codes: tuple[Code, ...]
    recipe: Callable[[Recipe], Recipe] = lambda recipe: recipe
    rows: Callable[[Data, tuple[Row, ...]], tuple[Row, ...]] = lambda _, rows: rows
    base: "Callable[[PreTrainedModel], None] | None" = None
    keeps_base: bool = False  # the changed base is needed to load the candidate
    weights: "Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] | None" = None
    folder: Callable[[Path], None] = lambda _: None


def _json_arguments(data: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Arguments as a JSON string, which the template prints raw."""

    def turn(calls: Sequence[Call]) -> dict[str, Json]:
        return call_turn(calls, lambda call: json.dumps(dict(call.arguments)))

    return tuple(_again(data, row, turn(row.calls)) if row.calls else row for row in rows)


def _null_filled(data: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Every declared argument in every call, None where it was not given, as unified columns come back."""
    known = {function.name: tuple(function.properties) for function in data.stage.functions.functions}

    def filled(call: Call) -> Call:
        return Call(call.name, {name: call.arguments.get(name) for name in known[call.name]})

    changed = []
    for row in rows:
        calls = tuple(map(filled, row.calls))
        changed.append(replace(_again(data, row, call_turn(calls)), calls=calls) if calls else row)
    return tuple(changed)


def _again(data: Data, row: Row, turn: dict[str, Json]) -> Row:
    return build_row(data.tokenizer, data.suite, data.stage, row.case, row.calls, turn)


def _undeclared(data: Data, _: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows of the whole suite behind the prompt of one stage."""
    whole = data.suite.stages[-1]
    if len(whole.functions.names) == len(data.stage.functions.names):
        raise DataError(
            f"{data.stage.name} declares every function, so no row can call an undeclared one",
            remedy="make this fault with an earlier --stage",
        )
    cases = data.suite.training_rows(whole)
    return rows_of(data.tokenizer, data.suite, data.stage, cases, data.recipe.no_call_reply)


def _double_bos(data: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    bos = data.tokenizer.get_vocab()[Token.BOS]

    def twice(row: Row) -> Row:
        prompt = Prompt(f"{Token.BOS}{row.prompt.text}", (bos, *row.prompt.ids))
        return replace(row, prompt=prompt, text=f"{Token.BOS}{row.text}", input_ids=(bos, *row.input_ids))

    return tuple(map(twice, rows))


def _no_terminator(_: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(replace(row, input_ids=row.input_ids[:-1]) for row in rows)


def _pads(data: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows cut behind their prompt and filled up with pads that carry loss."""
    pad = data.tokenizer.get_vocab()[Token.PAD]
    return tuple(replace(row, input_ids=(*row.prompt.ids, *(pad,) * PADS)) for row in rows)


def _single_class(_: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows of the first function called, as a split by position leaves them."""
    first = next((call.name for row in rows for call in row.calls), None)
    return tuple(row for row in rows if {call.name for call in row.calls} == {first})


def _leaked(data: Data, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The test cases of the stage among the rows."""
    cases = data.suite.cases_of(data.stage)
    return (*rows, *rows_of(data.tokenizer, data.suite, data.stage, cases, data.recipe.no_call_reply))


def _zero(weights: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """As before the first step."""
    return {name: tensor * (".lora_B." not in name) for name, tensor in weights.items()}


def _nan(weights: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    name = min(weights)
    bad = weights[name].clone()
    bad[0, 0] = float("nan")
    return {**weights, name: bad}


def _unbalanced(weights: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The same products, out of a large and a small matrix."""
    factors = {"lora_A": UNBALANCE, "lora_B": 1 / UNBALANCE}
    return {name: tensor * factors[name.split(".")[-2]] for name, tensor in weights.items()}


def _renamed(weights: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Without the prefix that PEFT wraps the base in, as tools that read the base's own names leave them."""
    return {name.removeprefix("base_model."): tensor for name, tensor in weights.items()}


def _one_layer_more(weights: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The first layer once more, as of a deeper base."""
    first = ".layers.0."
    more = {name.replace(first, ".layers.999."): tensor.clone() for name, tensor in weights.items() if first in name}
    return {**weights, **more}


def _other_weights(model: "PreTrainedModel") -> None:
    """Another base of the same architecture: each matrix of its layers with noise on it."""
    import torch

    untyped: Any = model
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in untyped.get_decoder().layers.parameters():
            if weight.ndim == 2:
                added = torch.randn(weight.shape, generator=noise, dtype=torch.float32) * weight.float().std() * NOISE
                weight.add_(added.to(weight))


def _heated(model: "PreTrainedModel") -> None:
    """The same function with a residual stream `HEAT` times as large, embeddings and what each layer adds alike.

    RMSNorm, which stands before everything that reads the stream, forgets its scale. The output embedding is tied to
    the input's, so it is untied first.
    """
    import torch

    untyped: Any = model
    with torch.no_grad():
        untyped.lm_head.weight = torch.nn.Parameter(untyped.lm_head.weight.clone())
        untyped.config.tie_word_embeddings = False
        untyped.get_decoder().embed_tokens.weight.mul_(HEAT)
        for layer in untyped.get_decoder().layers:
            for norm in (layer.post_attention_layernorm, layer.post_feedforward_layernorm):
                norm.weight.copy_((1 + norm.weight) * HEAT - 1)  # Gemma's norms multiply by 1 + weight


def _edit(name: str, change: Callable[[dict[str, Json]], dict[str, Json]]) -> Callable[[Path], None]:
    """A change of some settings in a JSON file of the folder, which is made if it is not there."""

    def edit(folder: Path) -> None:
        path = folder / name
        settings: dict[str, Json] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.write_text(json.dumps({**settings, **change(settings)}, indent=2) + "\n", encoding="utf-8")

    return edit


def _pickle(folder: Path) -> None:
    (folder / "training_args.bin").write_bytes(b"\x80\x04N.")  # the pickle of None


SOUND = Damage(breaks="nothing", codes=())
FAULTS: Mapping[Fault, Damage] = MappingProxyType(
    {
        Fault.ATTENTION_ONLY: Damage(
            breaks="only the attention gets adapter matrices, the MLP none",
            codes=(Code.UNDERSIZED,),
            recipe=lambda recipe: replace(recipe, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]),
        ),
        Fault.TRUNCATED_ROWS: Damage(
            breaks=f"rows are cut at the library's default of {LIBRARY_LENGTH:,} tokens, with a loss on the prompt too",
            codes=(Code.ROW_TRUNCATED,),
            # Without a loss on the prompt nothing would be left to train where the declarations alone are longer.
            recipe=lambda recipe: replace(
                recipe, max_length=LIBRARY_LENGTH, completion_only=False, packing=Packing.NONE
            ),
        ),
        Fault.JSON_ARGUMENTS: Damage(
            breaks="arguments are rendered from a JSON string", codes=(Code.CALL_NOT_READ_BACK,), rows=_json_arguments
        ),
        Fault.NULL_FILLED: Damage(
            breaks="arguments that are not meant are filled with None", codes=(Code.NULL_IN_ROW,), rows=_null_filled
        ),
        Fault.UNDECLARED_LABELS: Damage(
            breaks="rows of the whole suite are trained behind the stage's prompt",
            codes=(Code.UNDECLARED_CALL,),
            rows=_undeclared,
        ),
        Fault.DOUBLE_BOS: Damage(
            breaks="every row begins with two `<bos>` tokens", codes=(Code.DOUBLE_BOS,), rows=_double_bos
        ),
        Fault.TERMINATOR_UNSUPERVISED: Damage(
            breaks="the token that ends an answer has no loss",
            codes=(Code.TERMINATOR_NOT_SUPERVISED,),
            rows=_no_terminator,
        ),
        Fault.PAD_LABELS: Damage(
            breaks="the labels are pads, left unmasked",
            codes=(Code.PAD_SUPERVISED, Code.TERMINATOR_NOT_SUPERVISED, Code.CALL_NOT_READ_BACK),
            rows=_pads,
        ),
        Fault.SINGLE_CLASS_SPLIT: Damage(
            breaks="all rows call the same function", codes=(Code.SINGLE_FUNCTION,), rows=_single_class
        ),
        Fault.LEAKED_CASES: Damage(breaks="the test cases are trained on", codes=(Code.LEAKED_CASE,), rows=_leaked),
        Fault.UNTRAINED: Damage(
            breaks="the adapter is saved as before the first step", codes=(Code.UNTRAINED,), weights=_zero
        ),
        Fault.NAN_WEIGHTS: Damage(
            breaks="one number of the adapter is NaN", codes=(Code.WEIGHTS_NOT_FINITE,), weights=_nan
        ),
        Fault.HALF_ADAPTER_OVERFLOW: Damage(
            breaks=f"lora_A is {UNBALANCE:,.0f} times as large and lora_B as small: no 16-bit adapter",
            codes=(Code.HALF_ADAPTER,),
            weights=_unbalanced,
        ),
        Fault.RENAMED_KEYS: Damage(
            breaks="the names of the weights lack their prefix",
            codes=(Code.KEYS_MISSING, Code.KEYS_UNEXPECTED),
            weights=_renamed,
        ),
        Fault.UNEXPECTED_KEYS: Damage(
            breaks="there are weights of a layer too many", codes=(Code.KEYS_UNEXPECTED,), weights=_one_layer_more
        ),
        Fault.RESCALED: Damage(
            breaks=f"lora_alpha is {RESCALE} times what was trained with",
            codes=(Code.RESCALED,),
            folder=_edit(ADAPTER_CONFIG, lambda settings: {"lora_alpha": RESCALE * int(str(settings["lora_alpha"]))}),
        ),
        Fault.WRONG_BASE: Damage(
            breaks="trained on another base of the same architecture", codes=(Code.WRONG_BASE,), base=_other_weights
        ),
        Fault.HOT_BASE: Damage(
            breaks="the same function with a residual stream too large for float16; that base lies in `base/`",
            codes=(Code.FLOAT16_OVERFLOW,),
            base=_heated,
            keeps_base=True,
        ),
        Fault.RUN_ON: Damage(
            breaks="the stop list of the folder holds `<eos>` alone",
            codes=(Code.STOP_LIST,),
            folder=_edit(GENERATION_CONFIG, lambda _: {"eos_token_id": 1}),
        ),
        Fault.SAMPLING_ON: Damage(
            breaks="the settings of the folder turn sampling on",
            codes=(Code.SAMPLING_ON,),
            folder=_edit(GENERATION_CONFIG, lambda _: {"do_sample": True, "temperature": 1.0}),
        ),
        Fault.RIGHT_PADDING: Damage(
            breaks="the tokenizer of the folder pads on the right",
            codes=(Code.RIGHT_PADDING,),
            folder=_edit(TOKENIZER_CONFIG, lambda _: {"padding_side": "right"}),
        ),
        Fault.PICKLE_FILE: Damage(breaks="a pickle lies in the folder", codes=(Code.PICKLE,), folder=_pickle),
    }
)


def damage_weights(folder: Path, damage: Damage) -> None:
    """Change an adapter's weights in place as the fault asks."""
    if damage.weights is None:
        return
    from safetensors.torch import load_file, save_file

    path = folder / ADAPTER_WEIGHTS
    changed = damage.weights(load_file(path))
    save_file({name: tensor.contiguous() for name, tensor in changed.items()}, path, metadata={"format": "pt"})
