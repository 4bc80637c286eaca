"""The judge: every rule by which an output answers a case or does not, and the errors it then names."""

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.calls.functions import FunctionSet
from harness.calls.judge import CallError, ErrorCode, Outcome, Verdict, expected_call, judge
from harness.calls.syntax import Call, DuplicateKey, Reading, read
from harness.files import canonical_json
from harness.jsontypes import Json

PROPERTIES: dict[str, Json] = {
    "text": {"type": "string"},
    "verbatim": {"type": "string", "x-match": "exact"},
    "mode": {"type": "string", "enum": ["on", "off"]},
    "level": {"type": "integer", "enum": [1, 2]},
    "count": {"type": "integer", "default": 10},
    "ratio": {"type": "number"},
    "loud": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}, "x-match": "set"},
    "steps": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    "place": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "zip": {"type": "string"},
            "floor": {"type": "integer", "default": 0},
        },
    },
    "free": {"type": "object"},
    "maybe": {"type": ["string", "null"]},
    "untyped": {},
}
FUNCTIONS = FunctionSet.from_tools(
    [{"name": name, "description": "d", "parameters": {"type": "object", "properties": PROPERTIES}} for name in "fgh"]
)


def verdict(expected: list[Json], *calls: Call) -> Verdict:
    return judge(Reading.of_calls(calls), [expected_call(call, FUNCTIONS) for call in expected], FUNCTIONS)


def on_argument(name: str, expected: Json, got: Json) -> Verdict:
    return verdict([{"name": "f", "arguments": {name: expected}}], Call("f", {name: got}))


def codes(result: Verdict) -> list[tuple[str, str | None]]:
    return [(error.code.value, error.argument) for error in result.errors]


@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("text", "Bohemian Rhapsody", " bohemian RHAPSODY\n"),
        ("text", "Beyoncé", "Beyonce\u0301"),
        ("text", "STRASSE", "straße"),
        ("text", "ABC 1", "\uff21\uff22\uff23\u00a01"),
        ("text", {"$any": ["rock", "metal"]}, "Metal"),
        ("text", {"$optional": {"$any": ["rock", "metal"]}}, "Metal"),
        ("verbatim", "aB", "aB"),
        ("mode", "on", "on"),
        ("level", 1, 1.0),
        ("count", 5, 5.0),
        ("ratio", 5, 5.0),
        ("ratio", 0.1, 0.1),
        ("loud", True, True),
        ("tags", ["a", "b"], ["B", "a", "A"]),
        ("steps", [{"name": "x"}, {}], [{"name": "X"}, {}]),
        ("place", {"city": "Paris", "zip": "75001"}, {"zip": "75001", "city": "PARIS"}),
        ("place", {"city": "Paris"}, {"city": "Paris", "floor": 0}),
        ("place", {"city": "Paris", "floor": 0}, {"city": "Paris"}),
        ("maybe", None, None),
        ("untyped", [1, {"a": "X"}], [1.0, {"a": "x"}]),
    ],
)
def test_values_that_are_the_same(name: str, expected: Json, got: Json) -> None:
    assert on_argument(name, expected, got) == Verdict(Outcome.CORRECT)


@pytest.mark.parametrize(
    ("name", "expected", "got", "code", "argument"),
    [
        ("text", "5", "-5", "wrong_value", "text"),
        ("text", "15", "1.5", "wrong_value", "text"),
        ("text", "a b", "a  b", "wrong_value", "text"),
        ("text", "cafe", "café", "wrong_value", "text"),
        ("text", "75001", 75001, "wrong_type", "text"),
        ("text", "x", None, "wrong_type", "text"),
        ("text", {"$any": ["rock", "metal"]}, "pop", "wrong_value", "text"),
        ("text", {"$any": ["rock", "metal"]}, 1, "wrong_type", "text"),
        ("text", {"$optional": "pop"}, "rock", "wrong_value", "text"),
        ("verbatim", "aB", "ab", "wrong_value", "verbatim"),
        ("verbatim", "aB", "aB ", "wrong_value", "verbatim"),
        ("mode", "on", "off", "wrong_value", "mode"),
        ("mode", "on", "On", "not_in_enum", "mode"),
        ("mode", "on", "on ", "not_in_enum", "mode"),
        ("mode", {"$any": ["on", "off"]}, "auto", "not_in_enum", "mode"),
        ("level", 1, 2, "wrong_value", "level"),
        ("level", 1, 3, "not_in_enum", "level"),
        ("level", 1, True, "wrong_type", "level"),
        ("count", 5, "5", "wrong_type", "count"),
        ("count", 5, 5.5, "wrong_type", "count"),
        ("count", 1, True, "wrong_type", "count"),
        ("ratio", 1, True, "wrong_type", "ratio"),
        ("ratio", 1, 2, "wrong_value", "ratio"),
        ("loud", True, 1, "wrong_type", "loud"),
        ("loud", True, "true", "wrong_type", "loud"),
        ("loud", True, False, "wrong_value", "loud"),
        ("tags", ["a", "b"], ["a"], "wrong_value", "tags"),
        ("tags", ["a"], ["a", "c"], "wrong_value", "tags"),
        ("tags", ["a"], "a", "wrong_type", "tags"),
        ("steps", [{"name": "x"}, {"name": "y"}], [{"name": "x"}, {"name": "z"}], "wrong_value", "steps[1].name"),
        ("steps", [{"name": "x"}], [], "missing_argument", "steps[0]"),
        ("steps", [], [{}], "extra_argument", "steps[0]"),
        ("steps", [{"name": "x"}], [{"nome": "x", "name": "x"}], "unknown_argument", "steps[0].nome"),
        ("place", {"city": "Paris"}, {"city": "Rome"}, "wrong_value", "place.city"),
        ("place", {"city": "Paris"}, {}, "missing_argument", "place.city"),
        ("place", {"city": "Paris"}, {"city": "Paris", "zip": "1"}, "extra_argument", "place.zip"),
        ("place", {"city": "Paris"}, {"city": "Paris", "floor": 1}, "extra_argument", "place.floor"),
        ("place", {"city": "Paris", "floor": 1}, {"city": "Paris"}, "missing_argument", "place.floor"),
        ("free", {"a": 1}, {"a": 1, "b": 2}, "extra_argument", "free.b"),
        ("maybe", None, "x", "wrong_value", "maybe"),
        ("maybe", "x", 1, "wrong_type", "maybe"),
        ("untyped", 1, True, "wrong_type", "untyped"),
        ("untyped", "1", 1, "wrong_type", "untyped"),
    ],
)
def test_values_that_are_not_the_same(name: str, expected: Json, got: Json, code: str, argument: str) -> None:
    result = on_argument(name, expected, got)
    assert result.outcome is Outcome.WRONG
    assert codes(result) == [(code, argument)]


def test_lists_are_compared_in_order_unless_the_policy_says_set() -> None:
    assert codes(on_argument("steps", [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}])) == [
        ("wrong_value", "steps[0].name"),
        ("wrong_value", "steps[1].name"),
    ]


def test_an_error_carries_what_was_expected_and_what_came() -> None:
    result = on_argument("text", {"$any": ["a", "b"]}, "c")
    assert result.errors == (
        CallError(code=ErrorCode.WRONG_VALUE, call=0, argument="text", expected={"$any": ["a", "b"]}, got="c"),
    )


def test_all_errors_are_reported() -> None:
    result = verdict(
        [{"name": "f", "arguments": {"text": "x", "mode": "on", "loud": True}}],
        Call("f", {"mode": "auto", "loud": "yes", "ratio": 1, "invented": 2}),
    )
    assert codes(result) == [
        ("missing_argument", "text"),
        ("not_in_enum", "mode"),
        ("wrong_type", "loud"),
        ("extra_argument", "ratio"),
        ("unknown_argument", "invented"),
    ]


@pytest.mark.parametrize(
    ("expected", "got", "errors"),
    [
        ({"count": 10}, {}, []),
        ({}, {"count": 10.0}, []),
        ({"count": {"$any": [10, 20]}}, {}, []),
        ({"count": 20}, {}, [("missing_argument", "count")]),
        ({}, {"count": 20}, [("extra_argument", "count")]),
        ({"text": {"$optional": "pop"}}, {}, []),
        ({"count": {"$optional": 20}}, {}, []),
    ],
)
def test_an_omitted_argument_is_its_default_and_an_optional_one_may_be_omitted(
    expected: Json, got: dict[str, Json], errors: list[tuple[str, str | None]]
) -> None:
    assert codes(verdict([{"name": "f", "arguments": expected}], Call("f", got))) == errors


def test_the_wrong_or_an_undeclared_function_is_named() -> None:
    assert verdict([{"name": "f"}], Call("g", {"text": "x"})).errors == (
        CallError(code=ErrorCode.WRONG_FUNCTION, call=0, expected="f", got="g"),
    )
    assert verdict([{"name": "f"}], Call("invented", {})).errors == (
        CallError(code=ErrorCode.UNKNOWN_FUNCTION, call=0, expected="f", got="invented"),
    )


def test_missing_and_extra_calls_are_reported() -> None:
    missing = verdict([{"name": "f"}, {"name": "g"}], Call("g", {}))
    assert (missing.outcome, missing.errors) == (
        Outcome.WRONG,
        (CallError(code=ErrorCode.MISSING_CALL, expected={"name": "f", "arguments": {}}),),
    )
    extra = verdict([{"name": "g"}], Call("f", {}), Call("g", {}))
    assert extra.errors == (CallError(code=ErrorCode.EXTRA_CALL, call=0, got={"name": "f", "arguments": {}}),)
    undeclared = verdict([{"name": "g"}], Call("g", {}), Call("x", {}))
    assert [error.code for error in undeclared.errors] == [ErrorCode.UNKNOWN_FUNCTION, ErrorCode.EXTRA_CALL]


def test_a_duplicate_argument_is_wrong_even_where_its_last_value_is_right() -> None:
    reading = read("<start_function_call>call:f{text:<escape>y<escape>,text:<escape>x<escape>}<end_function_call>")
    assert reading.duplicate_keys == (DuplicateKey(0, "text"),)
    result = judge(reading, [expected_call({"name": "f", "arguments": {"text": "x"}}, FUNCTIONS)], FUNCTIONS)
    assert (result.outcome, codes(result)) == (Outcome.WRONG, [("duplicate_argument", "text")])


CALL = "<start_function_call>call:f{}<end_function_call>"


@pytest.mark.parametrize(
    ("output", "outcome", "code"),
    [
        (f"{CALL}<start_function_call>call:f{{", Outcome.MALFORMED, "truncated"),
        ("<start_function_call>call:f{a:word}<end_function_call>", Outcome.MALFORMED, "malformed"),
        ("call:f{}", Outcome.MALFORMED, "malformed"),
        (f"{CALL}Done.", Outcome.JUNK, "junk"),
        (f"{CALL}<end_of_turn><start_of_turn>user", Outcome.JUNK, "junk"),
        ("", Outcome.JUNK, "empty"),
        ("<pad><pad>", Outcome.JUNK, "pad_only"),
        ("declaration:f{", Outcome.JUNK, "schema_echo"),
    ],
)
@pytest.mark.parametrize("expected", [[], [{"name": "f"}]])
def test_junk_is_never_abstention_nor_correct(output: str, outcome: Outcome, code: str, expected: list[Json]) -> None:
    result = judge(read(output), [expected_call(call, FUNCTIONS) for call in expected], FUNCTIONS)
    assert (result.outcome, codes(result)) == (outcome, [(code, None)])


@pytest.mark.parametrize("output", ["I cannot do that.", "No.<end_of_turn>", "<end_of_turn>"])
def test_clean_text_and_a_clean_stop_are_right_only_where_no_call_is_due(output: str) -> None:
    assert judge(read(output), [], FUNCTIONS) == Verdict(Outcome.CORRECT)
    due = judge(read(output), [expected_call({"name": "f"}, FUNCTIONS)], FUNCTIONS)
    assert (due.outcome, codes(due)) == (Outcome.ABSTAINED, [("missing_call", None)])


def test_a_call_where_none_is_due_is_unexpected() -> None:
    result = judge(read(CALL), [], FUNCTIONS)
    assert (result.outcome, codes(result)) == (Outcome.UNEXPECTED_CALL, [("extra_call", None)])


def test_the_best_assignment_finds_what_a_greedy_one_misses() -> None:
    expected: list[Json] = [
        {"name": "f", "arguments": {"text": {"$any": ["a", "b"]}}},
        {"name": "f", "arguments": {"text": "a"}},
    ]
    for calls in permutations([Call("f", {"text": "a"}), Call("f", {"text": "b"})]):
        assert verdict(expected, *calls).outcome is Outcome.CORRECT


argument_values: dict[str, st.SearchStrategy[Json]] = {
    "text": st.sampled_from(["a", "b", "c"]),
    "mode": st.sampled_from(["on", "off"]),
    "count": st.integers(8, 12),
    "loud": st.booleans(),
}
arguments = st.fixed_dictionaries({}, optional=argument_values)


def _accepting(value: Json) -> st.SearchStrategy[Json]:
    return st.sampled_from([value, {"$any": [value]}, {"$optional": value}, {"$optional": {"$any": [value]}}])


@st.composite
def expected_calls(draw: st.DrawFn) -> Json:
    given_arguments: dict[str, Json] = {name: draw(_accepting(value)) for name, value in draw(arguments).items()}
    return {"name": draw(st.sampled_from("fgh")), "arguments": given_arguments}


made_calls = st.builds(Call, st.sampled_from(["f", "g", "h", "x"]), arguments)


@given(st.lists(expected_calls(), max_size=4))
def test_the_examples_of_the_expected_calls_are_correct(expected: list[Json]) -> None:
    examples = [expected_call(call, FUNCTIONS).example() for call in expected]
    assert verdict(expected, *examples) == Verdict(Outcome.CORRECT)


@given(st.lists(expected_calls(), max_size=3), st.lists(made_calls, max_size=3), st.randoms())
def test_the_order_of_parallel_calls_changes_nothing(expected: list[Json], calls: list[Call], random: Random) -> None:
    def written(call: Call) -> str:
        return f"{call.name} {canonical_json(dict(call.arguments))}"  # two calls may differ in their arguments' order

    def told(result: Verdict, made: list[Call]) -> tuple[Outcome, list[str]]:
        return result.outcome, sorted(
            f"{replace(error, call=None, got=canonical_json(error.got))} "
            f"{None if error.call is None else written(made[error.call])}"
            for error in result.errors
        )

    shuffled, reordered = random.sample(calls, len(calls)), random.sample(expected, len(expected))
    assert told(verdict(expected, *calls), calls) == told(verdict(reordered, *shuffled), shuffled)


@given(st.lists(expected_calls(), min_size=1, max_size=3), st.data())
def test_no_other_pairing_has_fewer_errors(expected: list[Json], data: st.DataObject) -> None:
    calls = [Call("f", data.draw(arguments)) for _ in expected]
    same_function: list[Json] = [{**call, "name": "f"} for call in expected if isinstance(call, dict)]
    found = len(verdict(same_function, *calls).errors)
    best = min(
        sum(len(verdict([wanted], call).errors) for wanted, call in zip(same_function, order, strict=True))
        for order in permutations(calls)
    )
    assert found == best
