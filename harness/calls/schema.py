"""Reading a function's `parameters`: the part of JSON Schema that calls are declared, printed and judged by."""

import copy
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from harness.calls.tokens import is_name
from harness.jsontypes import MAX_NESTING, Json, nests_too_deeply

Schema: TypeAlias = Mapping[str, Json]

RESERVED_NAMES = frozenset({"description", "type", "properties", "required", "nullable"})
"""Parameter names that FunctionGemma's chat template takes for schema keywords and drops from the declaration."""

_SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LITERALS = frozenset({"enum", "const", "default", "examples"})


class Policy(StrEnum):
    """How the judge compares a parameter's values; a property states it as `x-match`, which no model ever sees."""

    TEXT = "text"
    """Unicode NFKC, case and outer white space folded: what a string gets when nothing is stated."""
    EXACT = "exact"
    """Strings character by character."""
    SET = "set"
    """Lists without regard to order and repetition."""


class Parameter(NamedTuple):
    """One declared parameter, at any depth: its dotted path (`tags[].name`), its own name and its schema."""

    path: str
    name: str
    schema: Schema


def properties_of(schema: Schema) -> dict[str, Schema]:
    """The properties an object schema declares, by name."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: inner for name, inner in properties.items() if isinstance(inner, dict)}


def required_of(schema: Schema) -> tuple[str, ...]:
    """The names an object schema requires, in the order given."""
    required = schema.get("required")
    return tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else ()


def items_of(schema: Schema) -> Schema:
    """The schema of a list's elements; empty where none is given."""
    items = schema.get("items")
    return items if isinstance(items, dict) else {}


def enum_of(schema: Schema) -> list[Json]:
    """The only values a schema allows; empty where it does not say."""
    enum = schema.get("enum")
    return enum if isinstance(enum, list) else []


def types_of(schema: Schema) -> tuple[str, ...]:
    """The JSON types a schema allows, `nullable` counted in; empty where it does not say."""
    stated = schema.get("type")
    types = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    nullable = ["null"] if types and schema.get("nullable") is True else []
    return tuple(name for name in [*types, *nullable] if isinstance(name, str))


def policy_of(schema: Schema) -> Policy | None:
    """The matching policy a schema states; ValueError for one that does not exist."""
    stated = schema.get("x-match")
    return None if stated is None else Policy(str(stated))


def parameters_within(schema: Schema, prefix: str = "") -> Iterator[Parameter]:
    """Every parameter declared in an object schema, those inside objects and lists included."""
    for name, inner in properties_of(schema).items():
        path = f"{prefix}{name}"
        yield Parameter(path, name, inner)
        yield from parameters_within(inner, f"{path}.")
        elements, brackets = items_of(inner), "[]"
        while elements:
            yield from parameters_within(elements, f"{path}{brackets}.")
            elements, brackets = items_of(elements), f"{brackets}[]"


def without_extensions(schema: Json) -> Json:
    """A copy of a schema without its `x-` keywords; a property that is itself named `x-...` stays."""
    if not isinstance(schema, dict):
        return copy.deepcopy(schema)
    kept: dict[str, Json] = {}
    for keyword, value in schema.items():
        if keyword.startswith("x-"):
            continue
        if keyword in _LITERALS:
            kept[keyword] = copy.deepcopy(value)
        elif keyword in _SCHEMAS_BY_NAME and isinstance(value, dict):
            kept[keyword] = {name: without_extensions(inner) for name, inner in value.items()}
        elif isinstance(value, list):
            kept[keyword] = [without_extensions(inner) for inner in value]
        else:
            kept[keyword] = without_extensions(value)
    return kept


def validated_parameters(parameters: Json) -> dict[str, Json]:
    """A private copy of a function's `parameters`; ValueError, saying what is wrong, if they are no usable schema."""
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ValueError("`parameters` is not an object")
    if nests_too_deeply(parameters):
        raise ValueError(f"`parameters` nests more than {MAX_NESTING} levels deep")
    _check_against_meta_schema(parameters)
    if parameters.get("type", "object") != "object":
        raise ValueError(f'`parameters` has the type {parameters["type"]!r}, and only "object" can hold arguments')
    _check_properties(parameters, "")
    for parameter in parameters_within(parameters):
        _check_parameter(parameter)
    return copy.deepcopy(parameters)


def _check_against_meta_schema(parameters: dict[str, Json]) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        raise ValueError(f"`parameters` is not JSON Schema at {error.json_path}: {error.message}") from error


def _check_parameter(parameter: Parameter) -> None:
    _check_properties(parameter.schema, f"{parameter.path}.")
    elements, brackets = parameter.schema, ""
    while elements:
        _check_policy(elements, f"{parameter.path}{brackets}")
        elements, brackets = items_of(elements), f"{brackets}[]"
        _check_properties(elements, f"{parameter.path}{brackets}.")


def _check_properties(schema: Schema, prefix: str) -> None:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for name, inner in properties.items():
        if not is_name(name):
            raise ValueError(f"the parameter name {prefix + name!r} is not made of letters, digits, _ . -")
        if not isinstance(inner, dict):
            raise ValueError(f"the schema of parameter {prefix + name!r} is not an object")


def _check_policy(schema: Schema, path: str) -> None:
    stated = schema.get("x-match")
    if stated is None:
        return
    if stated not in list(Policy):
        raise ValueError(f"parameter {path!r}: x-match is {stated!r}; one of {', '.join(Policy)} is expected")
    needed = "array" if stated == Policy.SET else "string"
    if needed not in types_of(schema):
        raise ValueError(f"parameter {path!r}: x-match {stated!r} is for the type {needed!r}")
