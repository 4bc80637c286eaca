"""Hypothesis strategies for calls: all that the format can hold, and texts that come near a call."""

from hypothesis import strategies as st

from harness.calls.syntax import Call
from harness.calls.tokens import Token
from harness.jsontypes import Json

names = st.from_regex(r"[A-Za-z0-9_.\-]{1,8}", fullmatch=True) | st.from_regex(r"[\w.\-]{1,4}", fullmatch=True)
fragments = st.sampled_from([*Token, "call:", "f", *"{}[]:,1- \n", "true", "None", "é"])
near_calls = st.lists(fragments, max_size=24).map("".join)
strings = (st.text(max_size=12) | near_calls).filter(lambda text: Token.ESCAPE not in text)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings


def _containers(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)


values: st.SearchStrategy[Json] = st.recursive(scalars, _containers, max_leaves=8)
calls = st.builds(Call, names, st.dictionaries(names, values, max_size=4))
