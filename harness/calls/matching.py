"""Comparing one call with one expected call, argument by argument, at any depth, by the types the function declares."""

from collections.abc import Iterator, Mapping

from harness.calls.expected import Exactly, ExpectedValue
from harness.calls.schema import Policy, Schema, enum_of, items_of, policy_of, properties_of, types_of
from harness.calls.values import folded, has_type, same, type_of
from harness.calls.verdicts import CallError, ErrorCode
from harness.jsontypes import Json


def argument_errors(
    got: Mapping[str, Json], expected: Mapping[str, ExpectedValue], schema: Schema, prefix: str = ""
) -> Iterator[CallError]:
    """Every error in an object of arguments; one that is left out counts as the schema's default, if it has one."""
    properties = properties_of(schema)
    for name, wanted in expected.items():
        declared, path = properties.get(name, {}), f"{prefix}{name}"
        if name in got:
            yield from _best_errors(got[name], wanted, declared, path)
        elif not wanted.optional and not _default_is(wanted, declared):
            yield CallError(code=ErrorCode.MISSING_ARGUMENT, argument=path, expected=wanted.json())
    for name, value in got.items():
        if name in expected:
            continue
        # An object declared without properties is open to any key, a function's arguments are not.
        unknown = name not in properties and not (prefix and not properties)
        if unknown or not _default_is(Exactly(value), properties.get(name, {})):
            code = ErrorCode.UNKNOWN_ARGUMENT if unknown else ErrorCode.EXTRA_ARGUMENT
            yield CallError(code=code, argument=f"{prefix}{name}", got=value)


def _default_is(wanted: ExpectedValue, schema: Schema) -> bool:
    return "default" in schema and not any(_best_errors(schema["default"], wanted, schema, ""))


def _best_errors(got: Json, wanted: ExpectedValue, schema: Schema, path: str) -> Iterator[CallError]:
    """The errors against the accepted value; where several are accepted and none matches, one error for them all."""
    attempts = [tuple(_errors(got, value, schema, path)) for value in wanted.accepted]
    if len(attempts) == 1:
        yield from attempts[0]
    elif all(attempts):
        codes = [attempt[0].code for attempt in attempts if attempt[0].argument == path]
        agreed = codes[0] if len(codes) == len(attempts) and len(set(codes)) == 1 else ErrorCode.WRONG_VALUE
        yield CallError(code=agreed, argument=path, expected=wanted.json(), got=got)


def _errors(got: Json, expected: Json, schema: Schema, path: str) -> Iterator[CallError]:
    enum = enum_of(schema)
    if not has_type(got, types_of(schema) or (type_of(expected),)):
        yield CallError(code=ErrorCode.WRONG_TYPE, argument=path, expected=expected, got=got)
    elif enum and not any(same(got, allowed) for allowed in enum):
        yield CallError(code=ErrorCode.NOT_IN_ENUM, argument=path, expected=expected, got=got)
    elif isinstance(got, dict) and isinstance(expected, dict):
        wanted = {name: Exactly(value) for name, value in expected.items()}
        yield from argument_errors(got, wanted, schema, f"{path}.")
    elif isinstance(got, list) and isinstance(expected, list) and policy_of(schema) is not Policy.SET:
        yield from _list_errors(got, expected, schema, path)
    elif not _matches(got, expected, schema):
        yield CallError(code=ErrorCode.WRONG_VALUE, argument=path, expected=expected, got=got)


def _list_errors(got: list[Json], expected: list[Json], schema: Schema, path: str) -> Iterator[CallError]:
    items = items_of(schema)
    for index, (element, wanted) in enumerate(zip(got, expected, strict=False)):
        yield from _errors(element, wanted, items, f"{path}[{index}]")
    for index in range(len(got), len(expected)):
        yield CallError(code=ErrorCode.MISSING_ARGUMENT, argument=f"{path}[{index}]", expected=expected[index])
    for index in range(len(expected), len(got)):
        yield CallError(code=ErrorCode.EXTRA_ARGUMENT, argument=f"{path}[{index}]", got=got[index])


def _matches(got: Json, expected: Json, schema: Schema) -> bool:
    """Whether two values without parts, or two lists compared as sets, are the same by the schema's policy."""
    if isinstance(got, list) and isinstance(expected, list):
        items = items_of(schema)
        return _covers(got, expected, items) and _covers(expected, got, items)
    if isinstance(got, str) and isinstance(expected, str) and not enum_of(schema):
        return got == expected if policy_of(schema) is Policy.EXACT else folded(got) == folded(expected)
    return same(got, expected)


def _covers(some: list[Json], others: list[Json], items: Schema) -> bool:
    return all(any(not any(_errors(one, other, items, "")) for other in others) for one in some)
