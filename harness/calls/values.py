"""JSON values as a schema sees them: which type one has, and when two are the same."""

import unicodedata
from collections.abc import Sequence

from harness.jsontypes import Json


def type_of(value: Json) -> str:
    """The JSON Schema type of a value; a number is `number` whether whole or not."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"


def has_type(value: Json, types: Sequence[str]) -> bool:
    """Whether a value is of one of the JSON Schema types; booleans are no numbers, and 5.0 is an integer."""
    own = type_of(value)
    return own in types or ("integer" in types and own == "number" and _is_whole(value))


def _is_whole(value: Json) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def same(one: Json, other: Json) -> bool:
    """Whether two values are equal as JSON: numbers by value, booleans never as numbers, strings exactly."""
    if type_of(one) != type_of(other):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return one == other


def folded(text: str) -> str:
    """A text without the differences that do not count: Unicode NFKC, case and outer white space; nothing else goes."""
    caseless = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", caseless).strip()
