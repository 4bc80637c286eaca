"""Batches of rows: each row padded on its own, or all of them behind the one copy of the declarations they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from harness.models.segments import SHARED, AttentionKinds, Layout, attention_masks, shared_length
from trainer.dataset import IGNORED

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Example(TypedDict):
    """A row as the data set holds it."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """Collates rows one below the other, padded on the right. `call_id` is the token that begins a call."""

    pad_id: int
    call_id: int

    def __call__(self, rows: Sequence[Example]) -> dict[str, "torch.Tensor"]:
        """Ids, labels, attention mask, and which labels belong to a call."""
        width = max(len(row["input_ids"]) for row in rows)
        return _tensors(
            input_ids=[_padded(row["input_ids"], width, self.pad_id) for row in rows],
            labels=[_padded(row["labels"], width, IGNORED) for row in rows],
            attention_mask=[_padded([1] * len(row["input_ids"]), width, 0) for row in rows],
            call_mask=[_padded(call_mask(row["labels"], self.call_id), width, 0) for row in rows],
        )


@dataclass(frozen=True, slots=True)
class SharedPrefixBatch:
    """Collates rows into one sequence: the prefix they share once, then what is left of each as a segment of its own.

    `scored_ids` are the places whose output is scored, those before a supervised token, and `shift_labels` and
    `call_mask` are as long: no other place's output is multiplied with the vocabulary. The loss and its gradient are
    those of `PaddedBatch` (up to rounding, and to the adapter's dropout, which falls on the shared tokens once), for a
    fraction of the work; the model must know of segments, see `read_segments`.
    """

    call_id: int

    def __call__(self, rows: Sequence[Example]) -> dict[str, "torch.Tensor"]:
        """Ids, labels, positions, segments, and what is scored; every tensor has one row."""
        shared = _shared_prompt(rows)
        ids = rows[0]["input_ids"][:shared]
        labels, calls = [IGNORED] * shared, [0] * shared
        positions, segments = list(range(shared)), [SHARED] * shared
        for segment, row in enumerate(rows, start=1):
            ids += row["input_ids"][shared:]
            labels += row["labels"][shared:]
            calls += call_mask(row["labels"], self.call_id)[shared:]
            positions += range(shared, len(row["input_ids"]))
            segments += [segment] * (len(row["input_ids"]) - shared)
        scored = [place for place, label in enumerate(labels[1:]) if label != IGNORED]
        return _tensors(
            input_ids=[ids],
            labels=[labels],
            position_ids=[positions],
            segment_ids=[segments],
            scored_ids=[scored],
            shift_labels=[[labels[place + 1] for place in scored]],
            call_mask=[[calls[place + 1] for place in scored]],
        )


def call_mask(labels: Sequence[int], call_id: int) -> list[int]:
    """1 from a row's first call marker to its end, where its labels hold one."""
    start = next((index for index, label in enumerate(labels) if label == call_id), len(labels))
    return [0] * start + [1] * (len(labels) - start)


def read_segments(model: "PreTrainedModel") -> None:
    """Make a model take `segment_ids` and `scored_ids`.

    With the first its decoder attends within a segment and to the shared prefix only; with the second it gives the
    hidden states of those places only.
    """
    kinds = AttentionKinds.of(model.config)
    dtype = model.dtype
    scored: list[torch.Tensor] = []  # of the forward pass under way: what `take` takes off its arguments for `give`

    def take(
        _module: "torch.nn.Module", args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if "segment_ids" in kwargs:
            layout = Layout(kwargs.pop("segment_ids")[0], kwargs["position_ids"][0])
            kwargs["attention_mask"] = attention_masks(kinds, layout, layout, dtype)
        scored[:] = kwargs.pop("scored_ids", ())
        return args, kwargs

    def give(_module: "torch.nn.Module", _args: tuple[Any, ...], output: Any) -> Any:
        if scored:
            output.last_hidden_state = output.last_hidden_state[:, scored.pop()]
        return output

    untyped: Any = model
    untyped.get_decoder().register_forward_pre_hook(take, with_kwargs=True)
    untyped.get_decoder().register_forward_hook(give)


def _shared_prompt(rows: Sequence[Example]) -> int:
    """The length of the shared prefix; a prompt token of each row at least is left, so no segment begins supervised."""
    prompts = [next(i for i, label in enumerate(row["labels"]) if label != IGNORED) for row in rows]
    return min(shared_length([tuple(row["input_ids"]) for row in rows]), min(prompts) - 1)


def _padded(values: Sequence[int], width: int, fill: int) -> list[int]:
    return [*values, *[fill] * (width - len(values))]


def _tensors(**columns: list[list[int]]) -> dict[str, "torch.Tensor"]:
    import torch

    return {name: torch.tensor(values) for name, values in columns.items()}
