"""Reading what a model wrote: its calls, its prose, and what is wrong with it; any text at all is read, none raises.

What counts as clean, where the format leaves it open:

- prose may stand before the calls, nothing but white space between and after them;
- an answer ends at a stop token (`<end_of_turn>`, `<eos>`, `<start_function_response>`) or at the end of the text;
- after a stop token `<pad>`, `<eos>`, `<end_of_turn>` and white space are filler, anything else is a run-on;
- `<bos>` and every other control token outside a call's strings is junk: no answer begins with one;
- a call that lacks its start marker is malformed, not prose: else a broken call would pass for a refusal to call.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.calls.grammar import Broken, Call, CallParser
from harness.calls.tokens import CONTROL_TOKEN, TERMINATORS, Token
from harness.calls.writing import render_call, render_calls

__all__ = ["Call", "DuplicateKey", "Problem", "Reading", "read", "render_call", "render_calls"]

_FILLER = re.compile(rf"(?:{Token.PAD}|{Token.EOS}|{Token.END_TURN}|\s)*")
_ECHO = re.compile(
    rf"{Token.START_DECLARATION}|{Token.END_DECLARATION}"
    rf"|\bdeclaration:(?=[\w.-]|$)|\btype:{Token.ESCAPE}(?:STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT){Token.ESCAPE}"
)
_SPACE = re.compile(r"\s*")
_BARE_CALL = re.compile(r"\bcall:[\w.-]+\{")


class Problem(StrEnum):
    """What is wrong with an output."""

    TRUNCATED = "truncated"
    """It breaks off: within a call, or at the token limit before a stop token."""
    MALFORMED = "malformed"
    """A call that does not follow the grammar."""
    JUNK = "junk"
    """Control tokens or text where none belong, a run-on past the stop token included."""
    EMPTY = "empty"
    """Nothing was written, not even a stop token."""
    PAD_ONLY = "pad_only"
    """Nothing but `<pad>` was written."""
    SCHEMA_ECHO = "schema_echo"
    """It repeats function declarations instead of calling."""


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """An argument that a call gives twice: which call (from 0) and the argument's dotted path."""

    call: int
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An output, read: the calls before any problem, the prose before the calls, and the problem with its place."""

    calls: tuple[Call, ...] = ()
    text: str = ""
    problem: Problem | None = None
    position: int | None = None
    detail: str = ""
    duplicate_keys: tuple[DuplicateKey, ...] = ()

    @classmethod
    def of_calls(cls, calls: Iterable[Call]) -> "Reading":
        """The reading of an output that some other engine has already taken apart."""
        return cls(calls=tuple(calls))


def read(output: str, *, complete: bool = True) -> Reading:
    """Read a completion, decoded with its special tokens; `complete=False` says that the token limit cut it off.

    A duplicate argument keeps its last value and is listed; positions count characters from 0.
    """
    marker = CONTROL_TOKEN.search(output)
    start = len(output) if marker is None else marker.start()
    prose = output[:start]
    if early := _problem_of_prose(output, prose):
        return replace(early, text=prose[: early.position].strip())
    calls, duplicates, end, broken = _read_calls(output, start)
    reading = Reading(calls=calls, text=prose.strip(), duplicate_keys=duplicates)
    if echo := _ECHO.search(output, end if calls else 0):
        return replace(reading, problem=Problem.SCHEMA_ECHO, position=echo.start(), detail="a declaration is repeated")
    if broken is not None:
        problem = Problem.TRUNCATED if broken.cut_off else Problem.MALFORMED
        return replace(reading, problem=problem, position=broken.position, detail=broken.detail)
    return _read_end(output, reading, end, complete)


def _problem_of_prose(output: str, prose: str) -> Reading | None:
    """What already the text before the first control token rules out: nothing said at all, echoes, bare calls."""
    if not output.strip():
        return Reading(problem=Problem.EMPTY, position=0, detail="nothing was written, not even a stop token")
    if not prose.strip() and output.startswith(Token.PAD, len(prose)) and _FILLER.fullmatch(output):
        return Reading(problem=Problem.PAD_ONLY, position=len(prose), detail=f"nothing but {Token.PAD} was written")
    if echo := _ECHO.search(prose):
        return Reading(problem=Problem.SCHEMA_ECHO, position=echo.start(), detail="a declaration is repeated")
    if bare := _BARE_CALL.search(prose):
        detail = f"a call without {Token.START_CALL} before it"
        return Reading(problem=Problem.MALFORMED, position=bare.start(), detail=detail)
    return None


def _read_calls(output: str, position: int) -> tuple[tuple[Call, ...], tuple[DuplicateKey, ...], int, Broken | None]:
    """The calls that stand one after the other from `position` on, where they end, and what broke the next one."""
    calls: list[Call] = []
    duplicates: list[DuplicateKey] = []
    broken: Broken | None = None
    while broken is None and output.startswith(Token.START_CALL, position):
        parser = CallParser(output, position)
        try:
            call = parser.call()
        except Broken as error:
            broken = error
        else:
            duplicates += [DuplicateKey(len(calls), argument) for argument in parser.duplicates]
            calls.append(call)
            position = _after(_SPACE, output, parser.position)
    return tuple(calls), tuple(duplicates), position, broken


def _read_end(output: str, reading: Reading, position: int, complete: bool) -> Reading:
    """Judge the place where the answer should end: after its calls, or after prose without any."""
    if position == len(output):
        if complete:
            return reading
        detail = "the token limit was reached before a stop token"
        return replace(reading, problem=Problem.TRUNCATED, position=position, detail=detail)
    stop = next((token for token in TERMINATORS if output.startswith(token, position)), None)
    if stop is None:
        return _junk(reading, position, f"{output[position : position + 20]!r} stands where a stop token is due")
    if stop is Token.START_RESPONSE and not reading.calls:
        return _junk(reading, position, f"{stop} without a call before it")
    end = _after(_FILLER, output, position + len(stop))
    return reading if end == len(output) else _junk(reading, end, f"the output runs on past {stop}")


def _junk(reading: Reading, position: int, detail: str) -> Reading:
    return replace(reading, problem=Problem.JUNK, position=position, detail=detail)


def _after(pattern: re.Pattern[str], output: str, position: int) -> int:
    """Where what `pattern` matches at `position`, be it nothing, ends."""
    match = pattern.match(output, position)
    return position if match is None else match.end()
