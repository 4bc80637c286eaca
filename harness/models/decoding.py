"""Exact greedy decoding, many prompts at once: the tokens are those of `generate`, one prompt at a time, in float32.

The prompts of a stage share their declarations, so the shared prefix is computed once and kept; the rest of every
prompt is laid out behind it in one sequence (see `segments`). A draft (the expected call) is fed along with its prompt
and taken only as far as the model's own argmax agrees, so it changes the cost and never the answer. A finished row
leaves the batch.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from harness.calls.tokens import TERMINATORS
from harness.errors import CandidateError, DeviceError
from harness.models.segments import SHARED, AttentionKinds, shared_length
from harness.models.sequence import PackedSequence, Peaks

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from harness.calls.prompt import Prompt

_TOKENS_AT_ONCE = 4096


class StopReason(StrEnum):
    """Why a completion ended: the model emitted a stop token, or the token limit was reached."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a cell generated for one prompt.

    `token_ids` include the stop token; `text` is their decoding with special tokens kept. `margin` is the smallest gap
    between the two highest logits over the generated positions (0.0 when some logit was not finite); `finite` says
    whether all logits at those positions were, `stored` whether it came out of the store.
    """

    token_ids: tuple[int, ...]
    text: str
    stop: StopReason
    margin: float
    finite: bool
    stored: bool = False


class Backend(Protocol):
    """What takes prompts, and drafts if there are any, and gives completions in the same order."""

    def complete(
        self, prompts: Sequence["Prompt"], drafts: Sequence[tuple[int, ...] | None] | None = None
    ) -> list[Completion]:
        """One completion a prompt; a draft is a likely completion, or None, and never changes an answer."""
        ...


def stop_token_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """The ids FunctionGemma's format stops at (1, 106 and 50): a shorter list lets generation run past the call."""
    vocabulary = tokenizer.get_vocab()
    missing = [token for token in TERMINATORS if token not in vocabulary]
    if missing:
        raise CandidateError(
            f"the tokenizer lacks the stop tokens {', '.join(missing)}", remedy="use FunctionGemma's tokenizer"
        )
    return frozenset(vocabulary[token] for token in TERMINATORS)


@dataclass(slots=True)
class _Row:
    """One prompt on its way: what is fed first, and what was generated so far."""

    segment: int
    length: int
    suffix: tuple[int, ...]
    draft: tuple[int, ...]
    tokens: list[int] = field(default_factory=list)
    margin: float = math.inf
    finite: bool = True
    done: StopReason | None = None


class LocalEngine:
    """Decodes with a model in this process. The model stays as it is: switch it to eval mode before."""

    def __init__(
        self,
        model: "PreTrainedModel | PeftModel",
        tokenizer: "PreTrainedTokenizerBase",
        *,
        stop_ids: Collection[int] | None = None,
        max_new_tokens: int = 128,
        batch_size: int = 32,
    ) -> None:
        """`stop_ids` default to the format's three; `max_new_tokens` bounds each completion, stop token included."""
        self._model = model
        self._tokenizer = tokenizer
        self._stop_ids = frozenset(stop_ids) if stop_ids is not None else stop_token_ids(tokenizer)
        self._limit = max_new_tokens
        self._batch_size = batch_size
        self._kinds = AttentionKinds.of(model.config)
        self._prefix: tuple[tuple[int, ...], PackedSequence | None] = ((), None)

    def complete(
        self, prompts: Sequence["Prompt"], drafts: Sequence[tuple[int, ...] | None] | None = None
    ) -> list[Completion]:
        """See `Backend`. Raises DeviceError when a single prompt does not fit into the device's memory."""
        import torch

        given = [prompt.ids for prompt in prompts]
        guesses = drafts or [None] * len(given)
        done: list[Completion] = []
        most = self._batch_size
        while len(done) < len(given):
            size = _fitting(given[len(done) : len(done) + most])
            batch = slice(len(done), len(done) + size)
            try:
                with torch.inference_mode():
                    done += self._decode(given[batch], guesses[batch])
                continue
            except torch.OutOfMemoryError as error:
                if size == 1:
                    raise DeviceError(
                        f"out of memory decoding one prompt of {len(given[len(done)])} tokens",
                        remedy="use another --device or a 16-bit --dtype",
                    ) from error
            most = max(1, size // 2)
            self._prefix = ((), None)
        return done

    def _decode(self, prompts: Sequence[tuple[int, ...]], drafts: Sequence[tuple[int, ...] | None]) -> list[Completion]:
        sequence, start = self._shared_prefix(list(prompts))
        rows = [
            _Row(number, len(ids), ids[start:], self._usable(draft))
            for number, (ids, draft) in enumerate(zip(prompts, drafts, strict=True), start=1)
        ]
        self._first_pass(sequence, rows, start)
        while active := [row for row in rows if row.done is None]:
            self._step(sequence, active)
        return [self._completion(row) for row in rows]

    def _usable(self, draft: tuple[int, ...] | None) -> tuple[int, ...]:
        """The part of a draft worth feeding: what stands before its stop token, within the limit."""
        kept = (draft or ())[: self._limit - 1]
        return next((kept[:index] for index, token in enumerate(kept) if token in self._stop_ids), kept)

    def _shared_prefix(self, prompts: list[tuple[int, ...]]) -> tuple[PackedSequence, int]:
        """A sequence that holds the beginning all prompts share, computed now or kept from an earlier batch."""
        ids, kept = self._prefix
        length, reusable = shared_length(prompts), shared_length([*prompts, (*ids, -1)])
        if kept is not None and 2 * reusable >= length:
            length = reusable
        else:
            kept = PackedSequence(self._model, self._kinds)
            if length:
                kept.read(prompts[0][:length], [SHARED] * length, range(length), [0])
        self._prefix = (prompts[0][:length], kept)
        return kept.beginning(length), length

    def _first_pass(self, sequence: PackedSequence, rows: list[_Row], start: int) -> None:
        """Feed what is left of every prompt and its draft behind it, and take each draft as far as the model agrees."""
        tokens: list[int] = []
        segments: list[int] = []
        positions: list[int] = []
        wanted: list[int] = []
        for row in rows:
            fed = row.suffix + row.draft
            wanted += range(len(tokens) + len(row.suffix) - 1, len(tokens) + len(fed))
            tokens += fed
            segments += [row.segment] * len(fed)
            positions += range(start, start + len(fed))
        end = len(sequence)
        peaks = sequence.read(tokens, segments, positions, wanted)
        taken = 0
        for row in rows:
            refused = self._take_draft(row, peaks, taken)
            end += len(row.suffix) + len(row.draft)
            sequence.bury(end - refused, refused)
            taken += len(row.draft) + 1

    def _take_draft(self, row: _Row, peaks: Peaks, first: int) -> int:
        """Take tokens until the model differs from the draft; the number of draft tokens that were refused."""
        for index in range(len(row.draft) + 1):
            self._take(row, peaks, first + index)
            agrees = index < len(row.draft) and row.tokens[-1] == row.draft[index]
            if row.done is not None or not agrees:
                return len(row.draft) - index
        return 0

    def _step(self, sequence: PackedSequence, rows: list[_Row]) -> None:
        """One more token for every row that is not done."""
        tokens = [row.tokens[-1] for row in rows]
        positions = [row.length + len(row.tokens) - 1 for row in rows]
        peaks = sequence.read(tokens, [row.segment for row in rows], positions, range(len(rows)))
        for index, row in enumerate(rows):
            self._take(row, peaks, index)

    def _take(self, row: _Row, peaks: Peaks, index: int) -> None:
        row.tokens.append(peaks.tokens[index])
        row.margin = min(row.margin, peaks.margins[index])
        row.finite = row.finite and peaks.finite[index]
        if row.tokens[-1] in self._stop_ids:
            row.done = StopReason.STOP
        elif len(row.tokens) >= self._limit:
            row.done = StopReason.LENGTH

    def _completion(self, row: _Row) -> Completion:
        assert row.done is not None
        return Completion(
            token_ids=tuple(row.tokens),
            text=str(self._tokenizer.decode(row.tokens, skip_special_tokens=False)),
            stop=row.done,
            margin=row.margin if row.finite else 0.0,
            finite=row.finite,
        )


def _fitting(rows: list[tuple[int, ...]]) -> int:
    """How many of the rows to take at once: attention costs the square of what they do not share."""
    shared = shared_length(rows)
    total = 0
    for count, row in enumerate(rows):
        total += len(row) - shared
        if count and total > _TOKENS_AT_ONCE:
            return count
    return len(rows)
