"""The grammar of one call, read by parsing: the end of a call is where its braces close, whatever its strings hold.

    call   := "call:" ID object
    object := "{" [ID ":" value {"," ID ":" value}] "}"
    array  := "[" [value {"," value}] "]"
    value  := "<escape>" text "<escape>" | number | "true" | "false" | "null" | "None" | object | array

There is no white space between the parts. Numbers are JSON's, which covers every finite number that Python prints.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.calls.tokens import ID, TERMINATORS, Token
from harness.jsontypes import MAX_NESTING, Json

MAX_DIGITS = 640
"""Digits of the longest integer read: the least bound that Python can be set to put on its own conversion."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CUT_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:\.|[eE][+-]?)")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None, "None": None}
_CUT_BY = (*TERMINATORS, Token.PAD, Token.START_CALL)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the function's name and its arguments as JSON values."""

    name: str
    arguments: Mapping[str, Json]


class Broken(Exception):  # noqa: N818 - it never leaves the reader
    """A call could not be read on: where, why, and whether it merely breaks off there."""

    def __init__(self, position: int, detail: str, *, cut_off: bool) -> None:
        super().__init__(detail)
        self.position = position
        self.detail = detail
        self.cut_off = cut_off


class CallParser:
    """Reads one call from `text` at `position`, moving `position` on; raises Broken and nothing else."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.duplicates: list[str] = []

    def call(self) -> Call:
        """The call that stands here between its two markers."""
        self._expect(Token.START_CALL)
        self._expect("call:")
        name = self._name("a function name")
        arguments = self._object("", 1)
        self._expect(Token.END_CALL)
        return Call(name, arguments)

    def _object(self, path: str, depth: int) -> dict[str, Json]:
        pairs: dict[str, Json] = {}

        def pair() -> None:
            name = self._name("an argument name")
            inner = f"{path}.{name}" if path else name
            if name in pairs:
                self.duplicates.append(inner)
            self._expect(":")
            pairs[name] = self._value(inner, depth)

        self._sequence("{", pair, "}")
        return pairs

    def _array(self, path: str, depth: int) -> list[Json]:
        values: list[Json] = []
        self._sequence("[", lambda: values.append(self._value(f"{path}[{len(values)}]", depth)), "]")
        return values

    def _sequence(self, opening: str, element: Callable[[], None], closing: str) -> None:
        self._expect(opening)
        if self._skip(closing):
            return
        element()
        while self._skip(","):
            element()
        self._expect(closing, f"',' or '{closing}'")

    def _value(self, path: str, depth: int) -> Json:
        if depth > MAX_NESTING:
            raise Broken(self.position, f"nested more than {MAX_NESTING} levels deep", cut_off=False)
        if self._at("{"):
            return self._object(path, depth + 1)
        if self._at("["):
            return self._array(path, depth + 1)
        if self._at(Token.ESCAPE):
            return self._string()
        match = _NUMBER.match(self.text, self.position)
        return self._word() if match is None else self._number(match)

    def _string(self) -> str:
        start = self.position + len(Token.ESCAPE)
        end = self.text.find(Token.ESCAPE, start)
        if end < 0:
            # With an end marker behind it the call was meant to be whole; without one it was cut off in the string.
            ended = self.text.find(Token.END_CALL, start) >= 0
            raise Broken(self.position, f"a string without its closing {Token.ESCAPE}", cut_off=not ended)
        self.position = end + len(Token.ESCAPE)
        return self.text[start:end]

    def _number(self, match: re.Match[str]) -> int | float:
        if _CUT_NUMBER.fullmatch(self.text, self.position):
            raise Broken(len(self.text), "the output ends within a number", cut_off=True)
        digits = match[0]
        if match[1] is None and match[2] is None:
            if len(digits) > MAX_DIGITS:
                raise Broken(self.position, f"an integer of more than {MAX_DIGITS} digits", cut_off=False)
            self.position = match.end()
            return int(digits)
        number = float(digits)
        if math.isinf(number):
            raise Broken(self.position, "a number out of range", cut_off=False)
        self.position = match.end()
        return number

    def _word(self) -> Json:
        for word, value in _WORDS.items():
            if self._skip(word):
                return value
        cut_off = any(self._ends_within(start) for start in (*_WORDS, Token.ESCAPE)) or self._rest_is("-")
        raise self._broken("a value", cut_off=cut_off)

    def _name(self, what: str) -> str:
        match = ID.match(self.text, self.position)
        if match is None:
            raise self._broken(what, cut_off=False)
        self.position = match.end()
        return match[0]

    def _at(self, literal: str) -> bool:
        return self.text.startswith(literal, self.position)

    def _skip(self, literal: str) -> bool:
        if not self._at(literal):
            return False
        self.position += len(literal)
        return True

    def _expect(self, literal: str, what: str | None = None) -> None:
        if not self._skip(literal):
            raise self._broken(what or repr(str(literal)), cut_off=self._ends_within(literal))

    def _ends_within(self, literal: str) -> bool:
        """Whether the text ends before `literal`, of which the rest is the beginning, is whole."""
        left = len(self.text) - self.position
        return left < len(literal) and self._rest_is(literal[:left])

    def _rest_is(self, literal: str) -> bool:
        return self._at(literal) and self.position + len(literal) == len(self.text)

    def _broken(self, expected: str, *, cut_off: bool) -> Broken:
        """The error that `expected` does not stand here; a call that a stop token ends early is cut off too."""
        at_end = not self.text[self.position :].strip()
        if cut_off or at_end or any(self._at(token) for token in _CUT_BY):
            return Broken(self.position, f"the call breaks off where {expected} is due", cut_off=True)
        found = self.text[self.position : self.position + 20]
        return Broken(self.position, f"{expected} is due, but {found!r} stands there", cut_off=False)
