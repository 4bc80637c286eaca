"""What the chat template drops or garbles of a function set: valid JSON Schema that the model never sees as meant."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.calls.schema import (
    RESERVED_NAMES,
    Parameter,
    Schema,
    enum_of,
    items_of,
    parameters_within,
)
from harness.calls.tokens import CONTROL_TOKEN
from harness.findings import Finding, Severity
from harness.jsontypes import Json

if TYPE_CHECKING:
    from harness.calls.functions import FunctionDeclaration, FunctionSet

_PRINTED = frozenset({"description", "type", "enum", "items", "properties", "required"})
_REPORTED_BY_THEMSELVES = frozenset({"anyOf", "oneOf", "allOf", "$ref"})
_CHOICES = ("anyOf", "oneOf", "allOf")


def lint(functions: "FunctionSet") -> tuple[Finding, ...]:
    """Everything in a function set that FunctionGemma's chat template drops or garbles, in the order of declaration."""
    return tuple(finding for function in functions.functions for finding in _lint_function(function))


def _lint_function(function: "FunctionDeclaration") -> Iterator[Finding]:
    yield from _description(function.description, function.name)
    yield from _control_tokens({"name": function.name, "description": function.description}, function.name)
    if function.parameters and "type" not in function.parameters:
        yield Finding(
            code="missing_parameters_type",
            severity=Severity.CRITICAL,
            where=function.name,
            evidence="`parameters` has no `type`",
            cause="the template closes the parameters' brace together with their type, so a brace is missing",
            remedy='add "type": "object" to `parameters`',
        )
    for name in function.required:
        if name not in function.properties:
            yield Finding(
                code="required_not_declared",
                severity=Severity.CRITICAL,
                where=f"{function.name}.{name}",
                evidence=f"{name!r} is required but is not among the properties",
                cause="the model is asked for an argument of which it sees nothing but the name",
                remedy="declare it, or take it out of `required`",
            )
    for parameter in parameters_within(function.parameters):
        yield from _lint_parameter(parameter, f"{function.name}.{parameter.path}")


def _lint_parameter(parameter: Parameter, where: str) -> Iterator[Finding]:
    schema = parameter.schema
    if parameter.name in RESERVED_NAMES:
        yield Finding(
            code="reserved_parameter_name",
            severity=Severity.WARNING,
            where=where,
            evidence=f"a parameter is named {parameter.name!r}",
            cause="the template takes it for a schema keyword and drops it, so the model never sees the parameter",
            remedy="rename the parameter",
        )
    yield from _types(schema, where)
    yield from _lists(schema, where)
    yield from _constraints(schema, where)
    yield from _description(schema.get("description"), where)
    yield from _control_tokens({"name": parameter.name, **schema}, where)


def _types(schema: Schema, where: str) -> Iterator[Finding]:
    choice = next((keyword for keyword in _CHOICES if keyword in schema), None)
    if isinstance(schema.get("type"), list):
        yield _garbled("type_list", where, "`type` is a list", "give the one type that calls use")
    if choice is not None:
        yield _garbled("any_of", where, f"the schema is a choice (`{choice}`)", "write out the one form that calls use")
    if "$ref" in schema:
        yield _garbled("ref", where, "the schema is a `$ref`", "write the schema out in its place")
    if "type" not in schema and choice is None and "$ref" not in schema:
        yield _garbled("missing_type", where, "the parameter has no `type`", "state its type")


def _garbled(code: str, where: str, evidence: str, remedy: str) -> Finding:
    cause = "the template knows a single type by name, and prints an empty or nonsensical type here"
    return Finding(code=code, severity=Severity.CRITICAL, where=where, evidence=evidence, cause=cause, remedy=remedy)


def _lists(schema: Schema, where: str) -> Iterator[Finding]:
    if "items" in items_of(schema):
        yield Finding(
            code="nested_array",
            severity=Severity.WARNING,
            where=where,
            evidence="a list whose elements are lists",
            cause="the template prints the inner list's schema as plain data, not as a schema",
            remedy="flatten the list, or make its elements objects",
        )


def _constraints(schema: Schema, where: str) -> Iterator[Finding]:
    if enum_of(schema) and schema.get("type") != "string":
        yield Finding(
            code="enum_on_non_string",
            severity=Severity.WARNING,
            where=where,
            evidence=f"an enum on the type {schema.get('type')!r}",
            cause="the template prints an enum for strings only, so the model does not see the values allowed",
            remedy="make it a string, or name the values in the description",
        )
    dropped = [
        keyword
        for keyword in schema
        if keyword not in _PRINTED | _REPORTED_BY_THEMSELVES and not keyword.startswith("x-")
    ]
    if schema.get("type") == "object" and "properties" not in schema and dropped:
        yield Finding(
            code="phantom_parameter",
            severity=Severity.WARNING,
            where=where,
            evidence=f"an object without `properties` that holds {', '.join(dropped)}",
            cause="the template then takes the schema's own keywords for the object's properties and declares them",
            remedy="declare the object's properties, and leave the other keywords out",
        )
    elif dropped:
        yield Finding(
            code="dropped_constraint",
            severity=Severity.NOTE,
            where=where,
            evidence=f"the schema states {', '.join(dropped)}",
            cause="the template does not print it, so the model is judged by what it was not told",
            remedy="say it in the description if calls depend on it",
        )


def _description(description: Json, where: str) -> Iterator[Finding]:
    if not description:
        yield Finding(
            code="empty_description",
            severity=Severity.NOTE,
            where=where,
            evidence="there is no description",
            cause="the model can go by the name alone",
            remedy="describe it in a few words",
        )


def _control_tokens(printed: Schema, where: str) -> Iterator[Finding]:
    texts = [printed.get("name"), printed.get("description"), *enum_of(printed)]
    found = [match[0] for text in texts if isinstance(text, str) and (match := CONTROL_TOKEN.search(text))]
    if found:
        yield Finding(
            code="control_token_in_text",
            severity=Severity.CRITICAL,
            where=where,
            evidence=f"the text holds {', '.join(found)}",
            cause="the tokenizer turns it into the control token itself, which breaks the declaration apart",
            remedy="take it out of the text",
        )
