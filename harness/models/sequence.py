"""One running sequence that holds many rows: what a model has read so far, and who may attend to what of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.models.segments import DEAD, SHARED, AttentionKinds, Layout, attention_masks

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import DynamicCache, PreTrainedModel


@dataclass(frozen=True, slots=True)
class Peaks:
    """What is kept of the logits at the asked positions: argmax, gap of the two highest, and whether all are finite."""

    tokens: list[int]
    margins: list[float]
    finite: list[bool]


class PackedSequence:
    """A model's reading of tokens that belong to different rows; it only grows, and rows do not see one another."""

    def __init__(self, model: "PreTrainedModel | PeftModel", kinds: AttentionKinds) -> None:
        """An empty sequence over `model`, whose layers are of `kinds`."""
        from transformers import DynamicCache

        self._model = model
        self._kinds = kinds
        self._cache = DynamicCache()
        self._layout = self._placed([], [])

    def __len__(self) -> int:
        """The number of tokens read."""
        return len(self._layout.segments)

    def read(
        self, tokens: Sequence[int], segments: Sequence[int], positions: Sequence[int], wanted: Sequence[int]
    ) -> Peaks:
        """Append tokens, each with its segment and its position in its row; the peaks at the wanted indices of them."""
        import torch

        device = self._model.device
        added = self._placed(segments, positions)
        self._layout = self._layout.followed_by(added)
        logits = self._model(
            input_ids=torch.tensor([tokens], device=device),
            attention_mask=attention_masks(self._kinds, added, self._layout, self._model.dtype),
            position_ids=added.positions[None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=torch.tensor(list(wanted), device=device),
        ).logits
        return _peaks(logits[0].float())

    def bury(self, first: int, count: int) -> None:
        """Hide `count` tokens from index `first` on from everything read later."""
        self._layout.segments[first : first + count] = DEAD

    def beginning(self, length: int) -> "PackedSequence":
        """A sequence of its own over the first `length` tokens, which must all be of the shared segment."""
        start = PackedSequence(self._model, self._kinds)
        if length:
            start._layout = self._placed([SHARED] * length, range(length))
            _copy(self._cache, start._cache, length)
        return start

    def _placed(self, segments: Sequence[int], positions: Sequence[int]) -> Layout:
        import torch

        device = self._model.device
        return Layout(
            torch.tensor(list(segments), dtype=torch.long, device=device),
            torch.tensor(list(positions), dtype=torch.long, device=device),
        )


def _peaks(logits: "torch.Tensor") -> Peaks:
    # argmax, not topk's first index: on a tie the two may differ, and `generate` takes argmax
    highest = logits.topk(2, dim=-1).values
    return Peaks(
        tokens=logits.argmax(dim=-1).tolist(),
        margins=(highest[:, 0] - highest[:, 1]).tolist(),
        finite=logits.isfinite().all(dim=-1).tolist(),
    )


def _copy(source: "DynamicCache", target: "DynamicCache", length: int) -> None:
    """Put the first `length` tokens of a cache into an empty one; growing the one leaves the other as it is."""
    from transformers.cache_utils import DynamicLayer

    for index, layer in enumerate(source.layers):
        assert isinstance(layer, DynamicLayer)
        assert layer.keys is not None
        assert layer.values is not None
        target.update(layer.keys[:, :, :length], layer.values[:, :, :length], index)
