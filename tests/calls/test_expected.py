"""Expected calls: `$any` and `$optional` are read, and a call that could never be matched is refused in clear words."""

import pytest

from harness.calls.expected import AnyOf, Exactly, ExpectedCall, expected_call
from harness.calls.functions import FunctionSet
from harness.calls.syntax import Call
from harness.jsontypes import Json

TEXT: Json = {"type": "string"}
PLACE: Json = {"type": "object", "properties": {"city": TEXT, "zip": TEXT}, "required": ["city"]}
FUNCTIONS = FunctionSet.from_tools(
    [
        {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "mode": {"type": "string", "enum": ["on", "off"]},
                    "level": {"type": "integer", "minimum": 0, "maximum": 100},
                    "place": PLACE,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "unit": {"type": "string", "default": "m"},
                },
                "required": ["text", "unit"],
            },
        }
    ]
)


def of(**arguments: Json) -> ExpectedCall:
    return expected_call({"name": "f", "arguments": {"text": "x", **arguments}}, FUNCTIONS)


def test_every_form_of_an_argument_is_read() -> None:
    call = of(mode={"$any": ["on", "off"]}, level={"$optional": 5}, place={"$optional": {"$any": [{"city": "Paris"}]}})
    assert call.arguments == {
        "text": Exactly("x"),
        "mode": AnyOf(("on", "off")),
        "level": Exactly(5, optional=True),
        "place": AnyOf(({"city": "Paris"},), optional=True),
    }


def test_the_example_is_the_first_accepted_form_with_optional_arguments() -> None:
    call = of(mode={"$any": ["on", "off"]}, level={"$optional": 5})
    assert call.example() == Call("f", {"text": "x", "mode": "on", "level": 5})


def test_a_call_is_written_as_it_was_read() -> None:
    written: Json = {"name": "f", "arguments": {"text": {"$optional": {"$any": ["x", "y"]}}, "level": {"$optional": 5}}}
    assert expected_call(written, FUNCTIONS).json() == written


def test_a_required_argument_may_be_optional_in_a_case_or_have_a_default() -> None:
    call = expected_call({"name": "f", "arguments": {"text": {"$optional": "x"}}}, FUNCTIONS)
    assert call.arguments["text"].optional


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"invented": 1}, "f: the argument 'invented' is not declared; declared are: text, mode"),
        ({"text": 1}, "f: text is 1, and the type string is expected"),
        ({"text": None}, "f: text is None, and the type string is expected"),
        ({"text": {"$any": ["x", 1]}}, "f: text is 1, and the type string is expected"),
        ({"mode": "On"}, "f: mode is 'On', and one of 'on', 'off' is expected"),
        ({"mode": {"$optional": {"$any": ["on", "auto"]}}}, "mode is 'auto'"),
        ({"level": True}, "level is True, and the type integer is expected"),
        ({"level": 1.5}, "level is 1.5"),
        ({"level": -1}, "level is -1, and the minimum is 0"),
        ({"level": 101}, "level is 101, and the maximum is 100"),
        ({"place": {"zip": "1"}}, "the required place.city is missing"),
        ({"place": {"city": "x", "town": "y"}}, "place.town is not declared; declared are: city, zip"),
        ({"place": {"city": 1}}, "place.city is 1"),
        ({"tags": ["a", 1]}, r"tags\[1\] is 1"),
        ({"text": {"$any": []}}, r"f.text: \$any must be a list of at least one accepted value"),
        ({"text": {"$any": "x"}}, r"\$any must be a list"),
        ({"text": {"$any": ["x"], "$optional": "x"}}, "with no other key beside it"),
        ({"text": {"$all": ["x"]}}, "with no other key beside it"),
        ({"text": {"$optional": {"$optional": "x"}}}, r"\$optional stands within \$optional"),
        ({"text": {"$any": [{"$optional": "x"}]}}, "may stand for a whole argument only"),
        ({"place": {"city": {"$any": ["x"]}}}, "may stand for a whole argument only"),
        ({"tags": [{"$optional": "x"}]}, "may stand for a whole argument only"),
    ],
)
def test_a_value_that_no_right_call_could_give_is_refused(arguments: dict[str, Json], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        of(**arguments)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("f", 'a call must be {"name"'),
        ({"arguments": {}}, 'a call must be {"name"'),
        ({"name": "g"}, "the function 'g' is not declared; declared: f"),
        ({"name": "f", "args": {}}, "the unknown key 'args'"),
        ({"name": "f", "arguments": '{"text": "x"}'}, "the arguments of f are not an object"),
        ({"name": "f", "arguments": {}}, "f: the required argument 'text' is missing"),
    ],
)
def test_a_call_that_fits_no_function_is_refused(call: Json, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        expected_call(call, FUNCTIONS)
