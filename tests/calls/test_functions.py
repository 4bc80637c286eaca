"""Function sets: both forms of a tool are read, the unusable is refused, and lint names what the template garbles."""

import json
from pathlib import Path

import pytest

from harness.calls.functions import FunctionSet
from harness.errors import DataError
from harness.failures.function_sets import lint
from harness.findings import Severity
from harness.jsontypes import Json


def tool(properties: dict[str, Json], **keywords: Json) -> dict[str, Json]:
    parameters: dict[str, Json] = {"type": "object", "properties": properties, **keywords}
    return {"name": "f", "description": "d", "parameters": parameters}


def found(declaration: dict[str, Json]) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in lint(FunctionSet.from_tools([declaration]))]


def test_both_forms_of_a_tool_are_the_same() -> None:
    bare = tool({"a": {"type": "string"}}, required=["a"])
    functions = FunctionSet.from_tools([bare])
    assert functions == FunctionSet.from_tools([{"type": "function", "function": bare}])
    assert functions.tools() == [{"type": "function", "function": bare}]
    assert functions.functions[0].required == ("a",)
    assert functions.functions[0].properties == {"a": {"type": "string"}}


def test_a_function_may_have_no_parameters() -> None:
    function = FunctionSet.from_tools([{"name": "f"}]).functions[0]
    assert (function.description, function.parameters, function.required) == ("", {}, ())


def test_tools_leave_out_extensions_at_any_depth_but_no_parameter_of_such_a_name() -> None:
    inner: dict[str, Json] = {"type": "string", "x-match": "exact", "enum": ["x-a"], "default": {"x-b": 1}}
    shown: dict[str, Json] = {"type": "string", "enum": ["x-a"], "default": {"x-b": 1}}
    given = tool({"x-axis": inner, "xs": {"type": "array", "items": inner, "x-match": "set"}}, **{"x-note": 1})
    expected = tool({"x-axis": shown, "xs": {"type": "array", "items": shown}})
    assert FunctionSet.from_tools([given]).tools() == [{"type": "function", "function": expected}]


def test_the_fingerprint_is_of_what_the_model_is_shown() -> None:
    plain, judged = tool({"a": {"type": "string"}}), tool({"a": {"type": "string", "x-match": "exact"}})
    assert FunctionSet.from_tools([plain]).fingerprint == FunctionSet.from_tools([judged]).fingerprint
    other = tool({"a": {"type": "string", "description": "d"}})
    assert FunctionSet.from_tools([plain]).fingerprint != FunctionSet.from_tools([other]).fingerprint


def test_a_function_set_keeps_its_own_copy() -> None:
    given = tool({"a": {"type": "string"}})
    functions = FunctionSet.from_tools([given])
    before = functions.fingerprint
    given["parameters"] = {}
    functions.tools()[0].clear()
    assert functions.fingerprint == before


def test_a_subset_has_the_order_of_the_names_given() -> None:
    functions = FunctionSet.from_tools([{"name": name} for name in "abc"])
    assert functions.subset(["c", "a"]).names == ("c", "a")
    assert functions.get("b") == functions.functions[1]
    assert functions.get("d") is None
    with pytest.raises(DataError, match="the function 'd' is not declared; declared are: a, b, c"):
        functions.subset(["d"])


@pytest.mark.parametrize(
    ("tools", "what"),
    [
        ({"name": "f"}, "not a list of tools"),
        ([1], "tool 1: not a function declaration"),
        ([{"description": "d"}], "tool 1: not a function declaration"),
        ([{"name": ""}], "the name '' cannot be written"),
        ([{"name": "a b"}], "the name 'a b' cannot be written"),
        ([{"name": "f"}, {"name": "f"}], "tool 2: the function 'f' is declared twice"),
        ([{"name": "f", "description": 1}], "the description of 'f' is not a string"),
        ([{"name": "f", "parameters": []}], "f: `parameters` is not an object"),
        ([{"name": "f", "parameters": {"type": "array"}}], 'only "object" can hold arguments'),
        ([tool({"a": {"type": "text"}})], r"not JSON Schema at \$\.properties\.a\.type"),
        ([tool({"a": {"type": "string", "enum": "x"}})], "not JSON Schema"),
        ([tool({"a b": {}})], "the parameter name 'a b' is not made of"),
        ([tool({"a": True})], "the schema of parameter 'a' is not an object"),
        ([tool({"o": {"type": "object", "properties": {"": {}}}})], "the parameter name 'o.' is not made of"),
        ([tool({"o": {"type": "array", "items": {"properties": {"k": True}}}})], r"'o\[\].k' is not an object"),
        ([tool({"a": {"type": "string", "x-match": "fuzzy"}})], "one of text, exact, set is expected"),
        ([tool({"a": {"type": "string", "x-match": "set"}})], "x-match 'set' is for the type 'array'"),
        ([tool({"a": {"type": "array", "items": {"type": "integer", "x-match": "text"}}})], r"parameter 'a\[\]'"),
    ],
)
def test_what_cannot_be_declared_or_judged_is_refused(tools: Json, what: str) -> None:
    with pytest.raises(DataError, match=what):
        FunctionSet.from_tools(tools)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "functions.json"
    with pytest.raises(DataError, match=r"functions\.json: cannot read: No such file"):
        FunctionSet.load(file)
    file.write_text('[\n{"name": }]')
    with pytest.raises(DataError, match=r"functions\.json:2: not JSON"):
        FunctionSet.load(file)
    file.write_text('[{"name": 1}]')
    with pytest.raises(DataError, match=r"functions\.json: tool 1: the name 1"):
        FunctionSet.load(file)
    file.write_text(json.dumps([tool({})]))
    assert FunctionSet.load(file).names == ("f",)


CLEAN: dict[str, Json] = {"type": "string", "description": "d"}


def test_a_plain_function_has_no_findings() -> None:
    assert found(tool({"a": CLEAN, "b": {**CLEAN, "enum": ["x"], "x-match": "text"}}, required=["a"])) == []


@pytest.mark.parametrize("name", ["description", "type", "properties", "required", "nullable"])
def test_names_that_the_template_drops_are_found_at_any_depth(name: str) -> None:
    inside: Json = {"type": "object", "description": "d", "properties": {name: CLEAN}}
    listed: Json = {"type": "array", "description": "d", "items": inside}
    assert found(tool({name: CLEAN, "o": inside, "xs": listed})) == [
        ("reserved_parameter_name", f"f.{name}"),
        ("reserved_parameter_name", f"f.o.{name}"),
        ("reserved_parameter_name", f"f.xs[].{name}"),
    ]


@pytest.mark.parametrize(
    ("schema", "codes"),
    [
        ({"type": ["string", "null"]}, ["type_list"]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["any_of"]),
        ({"oneOf": [{"type": "string"}]}, ["any_of"]),
        ({"$ref": "#/$defs/x"}, ["ref"]),
        ({}, ["missing_type"]),
        ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, ["nested_array"]),
        ({"type": "integer", "enum": [1, 2]}, ["enum_on_non_string"]),
        ({"type": "integer", "default": 1, "minimum": 0, "maximum": 9}, ["dropped_constraint"]),
        ({"type": "string", "format": "date", "nullable": True, "title": "t"}, ["dropped_constraint"]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, ["phantom_parameter"]),
        ({"type": "string", "enum": ["<end_of_turn>"]}, ["control_token_in_text"]),
        ({"type": "string", "description": "say <escape>"}, ["control_token_in_text"]),
        ({"type": "string", "description": ""}, ["empty_description"]),
    ],
)
def test_schemas_that_the_template_drops_or_garbles_are_found(schema: dict[str, Json], codes: list[str]) -> None:
    assert found(tool({"a": {"description": "d", **schema}})) == [(code, "f.a") for code in codes]


def test_faults_of_the_function_itself_are_found() -> None:
    assert found({"name": "f", "description": "d", "parameters": {"properties": {"a": CLEAN}}}) == [
        ("missing_parameters_type", "f")
    ]
    assert found({"name": "f"}) == [("empty_description", "f")]
    assert found({"name": "f", "description": "<bos>"}) == [("control_token_in_text", "f")]
    assert found(tool({}, required=["a"])) == [("required_not_declared", "f.a")]


def test_findings_say_how_much_they_matter() -> None:
    declaration = tool({"type": CLEAN, "a": {"type": ["string"]}})
    severities = {finding.code: finding.severity for finding in lint(FunctionSet.from_tools([declaration]))}
    assert severities == {
        "reserved_parameter_name": Severity.WARNING,
        "type_list": Severity.CRITICAL,
        "empty_description": Severity.NOTE,
    }
