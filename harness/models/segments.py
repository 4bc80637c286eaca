"""Several sequences with one shared beginning, laid out as a single sequence: who may attend to whom.

Each token carries a segment (0: the shared prefix; 1, 2, ...: the row it belongs to) and its position in its own row. A
token attends to the prefix and to its own row, never to another, up to its own position; sliding-window layers measure
distance by position, so the layout changes the cost of a forward pass and never its result.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import CandidateError

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

SHARED = 0
DEAD = -1  # the segment of a cached token that nobody may attend to any more

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Layout:
    """Segments and positions of a run of tokens: two integer tensors of one dimension and the same length."""

    segments: "torch.Tensor"
    positions: "torch.Tensor"

    def followed_by(self, other: "Layout") -> "Layout":
        """This run and then the other."""
        import torch

        return Layout(
            torch.cat([self.segments, other.segments]),
            torch.cat([self.positions, other.positions]),
        )


@dataclass(frozen=True, slots=True)
class AttentionKinds:
    """The kinds of attention layers of a model, and the window of the sliding ones in tokens."""

    kinds: tuple[str, ...]
    window: int

    @classmethod
    def of(cls, config: "PretrainedConfig") -> "AttentionKinds":
        """Read them from a model's configuration. Raises CandidateError for an architecture that has other kinds."""
        settings = config.to_dict()
        kinds = tuple(dict.fromkeys(settings.get("layer_types") or ()))
        if not kinds or not set(kinds) <= {FULL, SLIDING}:
            raise CandidateError(
                f"a {config.model_type} model does not say which of its layers slide (layer_types: {list(kinds)})",
                remedy="use a Gemma 3 text model (FunctionGemma)",
            )
        return cls(kinds, int(settings.get("sliding_window") or 0))


def attention_masks(
    kinds: AttentionKinds, queries: Layout, keys: Layout, dtype: "torch.dtype"
) -> dict[str, "torch.Tensor"]:
    """Additive masks (0 or the dtype's lowest value), one a kind of layer, each of shape 1 x 1 x queries x keys."""
    import torch

    q_segment, q_position = queries.segments[:, None], queries.positions[:, None]
    seen = ((keys.segments == SHARED) | (keys.segments == q_segment)) & (keys.positions <= q_position)
    allowed = {FULL: seen}
    if SLIDING in kinds.kinds:
        allowed[SLIDING] = seen & (q_position - keys.positions < kinds.window)
    lowest = torch.finfo(dtype).min
    zeros = torch.zeros((), dtype=dtype, device=seen.device)
    return {kind: torch.where(allowed[kind], zeros, lowest)[None, None] for kind in kinds.kinds}


def shared_length(rows: "list[tuple[int, ...]]") -> int:
    """How many leading tokens all rows have in common, at most one less than the shortest row holds."""
    longest = min(len(row) for row in rows) - 1
    first, last = min(rows), max(rows)  # in lexical order the first and the last differ earliest
    return next((index for index in range(longest) if first[index] != last[index]), max(longest, 0))
