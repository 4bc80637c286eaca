"""Whatever the model, the prompts and the drafts: the engine's tokens are those of `generate`, one prompt at a time."""

from collections.abc import Sequence
from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import Gemma3ForCausalLM

from harness.calls.prompt import Prompt
from harness.models.decoding import LocalEngine
from tests.models.test_decoding import one_at_a_time
from tests.models.tiny import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.equivalence

LIMIT = 12
SLIDING, FULL = "sliding_attention", "full_attention"
LAYERS = ((FULL,), (SLIDING,), (SLIDING, FULL), (FULL, SLIDING, SLIDING), (SLIDING, SLIDING, SLIDING, FULL))
token = st.integers(100, 383)  # plain letters, and one stop token among them
tokens = st.lists(token, max_size=LIMIT + 3).map(tuple)


@cache
def random_model(seed: int, window: int, layers: Sequence[str]) -> Gemma3ForCausalLM:
    torch.set_num_threads(1)
    return tiny_model(seed, window=window, layers=layers)


models = st.builds(random_model, st.integers(0, 2), st.sampled_from([2, 5, 16, 64]), st.sampled_from(LAYERS))


@st.composite
def prompts(draw: st.DrawFn) -> list[Prompt]:
    shared = draw(st.lists(token, max_size=40))
    rows = draw(st.lists(st.lists(token, min_size=1, max_size=30), min_size=1, max_size=5))
    return [Prompt(text="", ids=(2, *shared, *row)) for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(model=models, given_prompts=prompts(), batch_size=st.integers(1, 6), data=st.data())
def test_the_engine_is_generate(
    model: Gemma3ForCausalLM, given_prompts: list[Prompt], batch_size: int, data: st.DataObject
) -> None:
    expected = one_at_a_time(model, given_prompts, LIMIT)
    drafts = [data.draw(draft(row)) for row in expected]
    engine = LocalEngine(model, tiny_tokenizer(), max_new_tokens=LIMIT, batch_size=batch_size)
    done = engine.complete(given_prompts, drafts)
    assert [completion.token_ids for completion in done] == expected


def draft(answer: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...] | None]:
    """None, anything, or a beginning of the right answer and then anything."""
    right = st.integers(0, len(answer)).map(lambda kept: answer[:kept])
    return st.none() | tokens | st.tuples(right, tokens).map(lambda parts: parts[0] + parts[1])
