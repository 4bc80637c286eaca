"""The calls a case expects, with `$any` and `$optional` read and every value checked against the function's schema."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from harness.calls.functions import FunctionSet
from harness.calls.grammar import Call
from harness.calls.schema import Schema, enum_of, items_of, properties_of, required_of, types_of
from harness.calls.values import has_type, same
from harness.jsontypes import Json


@dataclass(frozen=True, slots=True)
class Exactly:
    """One accepted value; `optional` says that the argument may also be left out."""

    value: Json
    optional: bool = False

    @property
    def accepted(self) -> tuple[Json, ...]:
        """All values accepted."""
        return (self.value,)

    def json(self) -> Json:
        """The value as a case writes it."""
        return {"$optional": self.value} if self.optional else self.value


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several accepted values, the preferred one first; `optional` says that the argument may also be left out."""

    values: tuple[Json, ...]
    optional: bool = False

    @property
    def accepted(self) -> tuple[Json, ...]:
        """All values accepted."""
        return self.values

    def json(self) -> Json:
        """The values as a case writes them."""
        values: Json = {"$any": list(self.values)}
        return {"$optional": values} if self.optional else values


ExpectedValue: TypeAlias = Exactly | AnyOf


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call that answers a case, in every form that is accepted."""

    name: str
    arguments: Mapping[str, ExpectedValue]

    def example(self) -> Call:
        """The first accepted form, optional arguments left in: for training rows and drafts."""
        return Call(self.name, {name: value.accepted[0] for name, value in self.arguments.items()})

    def json(self) -> Json:
        """The call as a case writes it."""
        return {"name": self.name, "arguments": {name: value.json() for name, value in self.arguments.items()}}


def expected_call(obj: Json, functions: FunctionSet) -> ExpectedCall:
    """Read one entry of a case's `calls`; ValueError, in clear words, if it fits no declared function."""
    if not isinstance(obj, dict) or not isinstance(obj.get("name"), str):
        raise ValueError('a call must be {"name": ..., "arguments": {...}}')
    if unknown := sorted(obj.keys() - {"name", "arguments"}):
        raise ValueError(f"a call holds the unknown key {unknown[0]!r}; name and arguments are expected")
    name, arguments = str(obj["name"]), obj.get("arguments", {})
    function = functions.get(name)
    if function is None:
        raise ValueError(f"the function {name!r} is not declared; declared: {', '.join(functions.names) or 'none'}")
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments of {name} are not an object")
    expected = {argument: _expected_value(value, f"{name}.{argument}") for argument, value in arguments.items()}
    for fault in _call_faults(expected, function.parameters):
        raise ValueError(f"{name}: {fault}")
    return ExpectedCall(name, expected)


def _expected_value(value: Json, where: str) -> ExpectedValue:
    if not isinstance(value, dict) or not any(key.startswith("$") for key in value):
        return Exactly(_plain(value, where))
    if value.keys() == {"$optional"}:
        inner = _expected_value(value["$optional"], where)
        if inner.optional:
            raise ValueError(f"{where}: $optional stands within $optional")
        return replace(inner, optional=True)
    if value.keys() == {"$any"}:
        values = value["$any"]
        if not isinstance(values, list) or not values:
            raise ValueError(f"{where}: $any must be a list of at least one accepted value")
        return AnyOf(tuple(_plain(accepted, where) for accepted in values))
    raise ValueError(f'{where}: {{"$any": [...]}} or {{"$optional": ...}} is expected, with no other key beside it')


def _plain(value: Json, where: str) -> Json:
    """The value, which must hold neither `$any` nor `$optional` anywhere: those are for whole arguments."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(value, dict) and any(key.startswith("$") for key in value):
        raise ValueError(f"{where}: $any and $optional may stand for a whole argument only, $any within $optional")
    for part in inner:
        _plain(part, where)
    return value


def _call_faults(arguments: Mapping[str, ExpectedValue], parameters: Schema) -> Iterator[str]:
    properties = properties_of(parameters)
    for name, expected in arguments.items():
        if name not in properties:
            known = ", ".join(properties) or "none"
            yield f"the argument {name!r} is not declared; declared are: {known}"
        else:
            for value in expected.accepted:
                yield from _faults(value, properties[name], name)
    for name in required_of(parameters):
        if name not in arguments and "default" not in properties.get(name, {}):
            yield f"the required argument {name!r} is missing"


def _faults(value: Json, schema: Schema, path: str) -> Iterator[str]:
    """Why a value cannot be given for a parameter: its type, its enum, its bounds, or what stands inside it."""
    types = types_of(schema)
    if types and not has_type(value, types):
        yield f"{path} is {value!r}, and the type {' or '.join(types)} is expected"
    elif (enum := enum_of(schema)) and not any(same(value, allowed) for allowed in enum):
        yield f"{path} is {value!r}, and one of {', '.join(map(repr, enum))} is expected"
    elif isinstance(value, dict):
        yield from _object_faults(value, schema, path)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _faults(element, items_of(schema), f"{path}[{index}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _bound_faults(value, schema, path)


def _object_faults(value: Mapping[str, Json], schema: Schema, path: str) -> Iterator[str]:
    properties = properties_of(schema)
    for name, inner in value.items():
        if name in properties:
            yield from _faults(inner, properties[name], f"{path}.{name}")
        elif properties:
            yield f"{path}.{name} is not declared; declared are: {', '.join(properties)}"
    for name in required_of(schema):
        if name not in value and "default" not in properties.get(name, {}):
            yield f"the required {path}.{name} is missing"


def _bound_faults(value: int | float, schema: Schema, path: str) -> Iterator[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(least, (int, float)) and value < least:
        yield f"{path} is {value!r}, and the minimum is {least!r}"
    if isinstance(most, (int, float)) and value > most:
        yield f"{path} is {value!r}, and the maximum is {most!r}"
