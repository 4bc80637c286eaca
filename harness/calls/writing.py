"""Writing calls, byte for byte as FunctionGemma's chat template prints them."""

import math
from collections.abc import Iterable, Mapping

from harness.calls.grammar import MAX_DIGITS, Call
from harness.calls.tokens import Token, is_name
from harness.jsontypes import MAX_NESTING, Json


def render_calls(calls: Iterable[Call]) -> str:
    """Calls as the model's whole answer, up to and with the token it stops at; ValueError as in `render_call`."""
    return "".join(render_call(call) for call in calls) + Token.START_RESPONSE


def render_call(call: Call) -> str:
    """One call between its markers.

    ValueError for what the format cannot hold: a name outside the grammar, a string with `<escape>` in it, a number
    that is not finite or has more digits than the reader takes, or nesting too deep to be read back.
    """
    return f"{Token.START_CALL}call:{_name(call.name)}{_object(call.arguments, 1)}{Token.END_CALL}"


def _object(pairs: Mapping[str, Json], depth: int) -> str:
    # As Jinja's dictsort: lower-cased names decide, and names that then agree keep the order they were given in.
    ordered = sorted(pairs.items(), key=lambda pair: pair[0].lower())
    return "{" + ",".join(f"{_name(name)}:{_value(value, depth)}" for name, value in ordered) + "}"


def _value(value: Json, depth: int) -> str:
    if depth > MAX_NESTING:
        raise ValueError(f"the arguments nest more than {MAX_NESTING} levels deep")
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, dict):
        return _object(value, depth + 1)
    if isinstance(value, list):
        return "[" + ",".join(_value(inner, depth + 1) for inner in value) + "]"
    return "None"


def _string(text: str) -> str:
    if Token.ESCAPE in text:
        raise ValueError(f"a string that holds {Token.ESCAPE} cannot be written in a call: {text!r}")
    return f"{Token.ESCAPE}{text}{Token.ESCAPE}"


def _number(number: int | float) -> str:
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"the number {number} cannot be written in a call")
    if isinstance(number, int) and abs(number) >= 10 ** (MAX_DIGITS - 1):
        raise ValueError(f"an integer of {MAX_DIGITS} or more digits cannot be written in a call")
    return str(number)


def _name(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"the name {name!r} cannot be written in a call (letters, digits, _ . -)")
    return name
