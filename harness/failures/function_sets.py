"""What the chat template drops or garbles of a function set: valid JSON Schema that the model never sees as meant."""

from collections.abc import Iterator

from harness.calls.functions import FunctionDeclaration, FunctionSet
from harness.calls.schema import (
    RESERVED_NAMES,
    Parameter,
    Schema,
    enum_of,
    items_of,
    parameters_within,
)
from harness.calls.tokens import CONTROL_TOKEN
from harness.failures.catalogue import CATALOGUE, Code
from harness.findings import Finding
from harness.jsontypes import Json

_PRINTED = frozenset({"description", "type", "enum", "items", "properties", "required"})
_REPORTED_BY_THEMSELVES = frozenset({"anyOf", "oneOf", "allOf", "$ref"})
_CHOICES = ("anyOf", "oneOf", "allOf")


def lint(functions: FunctionSet) -> tuple[Finding, ...]:
    """Everything in a function set that FunctionGemma's chat template drops or garbles, in the order of declaration."""
    return tuple(finding for function in functions.functions for finding in _lint_function(function))


def _lint_function(function: FunctionDeclaration) -> Iterator[Finding]:
    yield from _description(function.description, function.name)
    yield from _control_tokens({"name": function.name, "description": function.description}, function.name)
    if function.parameters and "type" not in function.parameters:
        yield CATALOGUE[Code.MISSING_PARAMETERS_TYPE].found("`parameters` has no `type`", function.name)
    for name in function.required:
        if name not in function.properties:
            evidence = f"{name!r} is required but is not among the properties"
            yield CATALOGUE[Code.REQUIRED_NOT_DECLARED].found(evidence, f"{function.name}.{name}")
    for parameter in parameters_within(function.parameters):
        yield from _lint_parameter(parameter, f"{function.name}.{parameter.path}")


def _lint_parameter(parameter: Parameter, where: str) -> Iterator[Finding]:
    schema = parameter.schema
    if parameter.name in RESERVED_NAMES:
        yield CATALOGUE[Code.RESERVED_PARAMETER_NAME].found(f"a parameter is named {parameter.name!r}", where)
    yield from _types(schema, where)
    yield from _lists(schema, where)
    yield from _constraints(schema, where)
    yield from _description(schema.get("description"), where)
    yield from _control_tokens({"name": parameter.name, **schema}, where)


def _types(schema: Schema, where: str) -> Iterator[Finding]:
    choice = next((keyword for keyword in _CHOICES if keyword in schema), None)
    if isinstance(schema.get("type"), list):
        yield CATALOGUE[Code.TYPE_LIST].found("`type` is a list", where)
    if choice is not None:
        yield CATALOGUE[Code.ANY_OF].found(f"the schema is a choice (`{choice}`)", where)
    if "$ref" in schema:
        yield CATALOGUE[Code.REF].found("the schema is a `$ref`", where)
    if "type" not in schema and choice is None and "$ref" not in schema:
        yield CATALOGUE[Code.MISSING_TYPE].found("the parameter has no `type`", where)


def _lists(schema: Schema, where: str) -> Iterator[Finding]:
    if "items" in items_of(schema):
        yield CATALOGUE[Code.NESTED_ARRAY].found("a list whose elements are lists", where)


def _constraints(schema: Schema, where: str) -> Iterator[Finding]:
    if enum_of(schema) and schema.get("type") != "string":
        yield CATALOGUE[Code.ENUM_ON_NON_STRING].found(f"an enum on the type {schema.get('type')!r}", where)
    dropped = [
        keyword
        for keyword in schema
        if keyword not in _PRINTED | _REPORTED_BY_THEMSELVES and not keyword.startswith("x-")
    ]
    if schema.get("type") == "object" and "properties" not in schema and dropped:
        evidence = f"an object without `properties` that holds {', '.join(dropped)}"
        yield CATALOGUE[Code.PHANTOM_PARAMETER].found(evidence, where)
    elif dropped:
        yield CATALOGUE[Code.DROPPED_CONSTRAINT].found(f"the schema states {', '.join(dropped)}", where)


def _description(description: Json, where: str) -> Iterator[Finding]:
    if not description:
        yield CATALOGUE[Code.EMPTY_DESCRIPTION].found("there is no description", where)


def _control_tokens(printed: Schema, where: str) -> Iterator[Finding]:
    texts = [printed.get("name"), printed.get("description"), *enum_of(printed)]
    found = [match[0] for text in texts if isinstance(text, str) and (match := CONTROL_TOKEN.search(text))]
    if found:
        yield CATALOGUE[Code.CONTROL_TOKEN_IN_TEXT].found(f"the text holds {', '.join(found)}", where)
