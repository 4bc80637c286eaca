"""Greedy decoding of many prompts at once gives the tokens of `generate`, one prompt at a time."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM

from harness.calls.prompt import Prompt
from harness.errors import CandidateError
from harness.models.decoding import Completion, LocalEngine, StopReason, stop_token_ids
from harness.models.segments import AttentionKinds, shared_length
from tests.models.tiny import tiny_model, tiny_tokenizer

LIMIT = 24


@pytest.fixture(scope="module")
def model() -> Gemma3ForCausalLM:
    torch.set_num_threads(1)
    return tiny_model()


def prompts(shared: int, lengths: Sequence[int], seed: int = 0) -> list[Prompt]:
    """Random prompts over a shared beginning of `shared` tokens, each followed by its own `lengths` tokens."""
    draw = random.Random(seed)
    start = tuple(draw.randrange(110, 380) for _ in range(shared))
    rows = [(2, *start, *(draw.randrange(110, 380) for _ in range(length))) for length in lengths]
    return [Prompt(text="", ids=row) for row in rows]


_REFERENCE: dict[tuple[int, tuple[int, ...], int], tuple[int, ...]] = {}


def one_at_a_time(model: Gemma3ForCausalLM, given: Sequence[Prompt], limit: int = LIMIT) -> list[tuple[int, ...]]:
    """What `generate` gives for each prompt alone; kept, since it is the slow half of these tests."""
    rows = []
    for prompt in given:
        key = (id(model), prompt.ids, limit)
        if key not in _REFERENCE:
            _REFERENCE[key] = _generated(model, prompt, limit)
        rows.append(_REFERENCE[key])
    return rows


def _generated(model: Gemma3ForCausalLM, prompt: Prompt, limit: int) -> tuple[int, ...]:
    untyped: Any = model
    ids = torch.tensor([prompt.ids])
    output = untyped.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=limit,
        eos_token_id=[1, 106, 50],
        pad_token_id=0,
    )
    return tuple(output[0, ids.shape[1] :].tolist())


def engine(model: Gemma3ForCausalLM, limit: int = LIMIT, batch_size: int = 32) -> LocalEngine:
    return LocalEngine(model, tiny_tokenizer(), max_new_tokens=limit, batch_size=batch_size)


def ids_of(completions: Sequence[Completion]) -> list[tuple[int, ...]]:
    return [completion.token_ids for completion in completions]


@pytest.mark.parametrize("shared", [0, 7, 60])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_same_tokens_as_generate(model: Gemma3ForCausalLM, shared: int, batch_size: int) -> None:
    given = prompts(shared, [1, 30, 4, 17, 2, 55, 9])
    assert ids_of(engine(model, batch_size=batch_size).complete(given)) == one_at_a_time(model, given)


def test_kept_prefix_changes_nothing(model: Gemma3ForCausalLM) -> None:
    given = prompts(50, [3, 20, 8, 1, 12])
    kept = engine(model)
    first = [*kept.complete(given[:1]), *kept.complete(given[1:3]), *kept.complete(given[3:])]
    other = prompts(30, [5, 6], seed=5)
    assert ids_of(first) == one_at_a_time(model, given)
    assert ids_of(kept.complete(other)) == one_at_a_time(model, other)


@pytest.mark.parametrize("wrong_from", [0, 1, 5, 23])
def test_drafts_change_no_token(model: Gemma3ForCausalLM, wrong_from: int) -> None:
    given = prompts(20, [5, 40, 11, 2])
    plain = one_at_a_time(model, given)
    drafts: list[tuple[int, ...] | None] = [
        row if index == 0 else None if index == 1 else (*row[:wrong_from], 333, 334, *row[wrong_from + 2 :])
        for index, row in enumerate(plain)
    ]
    assert ids_of(engine(model).complete(given, drafts)) == plain


def test_draft_past_its_stop_token(model: Gemma3ForCausalLM) -> None:
    given = prompts(5, [5])
    plain = one_at_a_time(model, given)
    stops = frozenset({plain[0][3]})
    stopping = LocalEngine(model, tiny_tokenizer(), stop_ids=stops, max_new_tokens=LIMIT)
    expected = plain[0][: plain[0].index(plain[0][3]) + 1]
    for draft in (None, plain[0], (*expected, 7, 8, 9)):
        (completion,) = stopping.complete(given, [draft])
        assert completion.token_ids == expected
        assert completion.stop is StopReason.STOP


def test_limit_and_text(model: Gemma3ForCausalLM) -> None:
    given = prompts(3, [3, 4])
    plain = one_at_a_time(model, given, limit=3)
    done = engine(model, limit=3).complete(given)
    assert ids_of(done) == plain
    for completion in done:
        reason = StopReason.STOP if completion.token_ids[-1] in {1, 50, 106} else StopReason.LENGTH
        assert completion.stop is reason
        assert completion.text == tiny_tokenizer().decode(list(completion.token_ids))
        assert completion.finite
        assert completion.margin > 0


def test_nothing_to_do(model: Gemma3ForCausalLM) -> None:
    assert engine(model).complete([]) == []


def test_logits_that_are_not_finite() -> None:
    broken = tiny_model()
    with torch.no_grad():
        broken.model.norm.weight.fill_(float("nan"))
    (completion,) = engine(broken, limit=4).complete(prompts(3, [3]))
    assert not completion.finite
    assert completion.margin == 0.0
    assert completion.token_ids == one_at_a_time(broken, prompts(3, [3]), limit=4)[0]


def test_out_of_memory_halves_the_batch(model: Gemma3ForCausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    given = prompts(10, [3, 5, 9, 2, 8])
    halving = engine(model, batch_size=4)
    decode, sizes = LocalEngine._decode, []

    def scarce(
        self: LocalEngine, rows: Sequence[tuple[int, ...]], drafts: Sequence[tuple[int, ...] | None]
    ) -> list[Completion]:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(self, rows, drafts)

    monkeypatch.setattr(LocalEngine, "_decode", scarce)
    assert ids_of(halving.complete(given)) == one_at_a_time(model, given)
    assert sizes == [4, 2, 2, 1]


def test_stop_ids_come_from_the_format() -> None:
    assert stop_token_ids(tiny_tokenizer()) == {1, 50, 106}


def test_other_architectures_are_refused() -> None:
    from transformers import LlamaConfig

    with pytest.raises(CandidateError, match="layer_types"):
        AttentionKinds.of(LlamaConfig())


def test_shared_length_leaves_a_token_of_every_row() -> None:
    assert shared_length([(1, 2, 3)]) == 2
    assert shared_length([(1, 2, 3), (1, 2, 4, 5)]) == 2
    assert shared_length([(1, 2), (1, 2, 3), (1, 2, 9)]) == 1
    assert shared_length([(1,), (1, 2)]) == 0
    assert shared_length([(5, 1), (6, 1)]) == 0
