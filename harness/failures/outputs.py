"""What the outputs of a cell show together: failures that one wrong answer does not prove and a share of them does."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.calls.syntax import Problem, read
from harness.calls.tokens import CONTROL_TOKEN, TERMINATORS, Token
from harness.errors import one_line
from harness.failures.catalogue import CATALOGUE, Code
from harness.findings import Finding
from harness.jsontypes import Json

SHARE = 0.05  # of the outputs: what is rarer is a slip, not a failure
_LOOP = re.compile(r"(?s)(.{1,200}?)\1{5,}\Z")
_LOOP_TAIL = 2_000  # characters from the end in which a loop is looked for
_JSON_ARGUMENTS = re.compile(r"call:[\w.-]+\{\s*\{\s*\"")
_EXAMPLE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output as the detectors see it: raw text, and whether it ended by a stop token and came of finite logits."""

    case: str
    request: str
    text: str
    stopped: bool
    finite: bool


@dataclass(frozen=True, slots=True)
class _Sign:
    code: Code
    shows: Callable[[Output], bool]


def diagnose_outputs(outputs: Sequence[Output], where: str = "") -> tuple[Finding, ...]:
    """A finding for every failure that at least one output in twenty shows; `where` names the cell."""
    return tuple(finding for sign in _SIGNS for finding in _diagnose(sign, outputs, where))


def _diagnose(sign: _Sign, outputs: Sequence[Output], where: str) -> Iterator[Finding]:
    shown = [output for output in outputs if sign.shows(output)]
    if shown and len(shown) >= SHARE * len(outputs):
        first = shown[0]
        text = one_line(first.text)
        example = f"{text[:_EXAMPLE]}..." if len(text) > _EXAMPLE else text
        evidence = f"{len(shown)} of {len(outputs)} outputs, first {first.case}: {example or '(nothing)'}"
        yield CATALOGUE[sign.code].found(evidence, where)


def _has(problem: Problem) -> Callable[[Output], bool]:
    return lambda output: read(output.text, complete=output.stopped).problem is problem


def _chose_pads(output: Output) -> bool:
    """Pads out of finite logits: the model means them. Out of NaN they mean nothing, which is another finding."""
    return output.finite and _has(Problem.PAD_ONLY)(output)


def _echoes_prompt(output: Output) -> bool:
    """The request comes back as prose, or a new turn is begun."""
    prose = CONTROL_TOKEN.split(output.text, maxsplit=1)[0].strip()
    return output.text.startswith(Token.START_TURN) or (len(output.request) > 3 and prose.startswith(output.request))


def _runs_on(output: Output) -> bool:
    """Text behind the first stop token: whoever decoded did not stop there."""
    ends = [output.text.find(token) + len(token) for token in TERMINATORS if token in output.text]
    rest = output.text[min(ends) :] if ends else ""
    for filler in (Token.PAD, Token.EOS, Token.END_TURN):
        rest = rest.replace(filler, "")
    return bool(rest.strip())


def _loops(output: Output) -> bool:
    return _unfinished(output) and bool(_LOOP.search(output.text[-_LOOP_TAIL:]))


def _cut_off(output: Output) -> bool:
    return _unfinished(output) and not _loops(output)


def _unfinished(output: Output) -> bool:
    """Something was written, and no stop token at all."""
    said = output.text.replace(Token.PAD, "").strip()
    return bool(said) and not output.stopped and not any(token in output.text for token in TERMINATORS)


def _json_arguments(output: Output) -> bool:
    return bool(_JSON_ARGUMENTS.search(output.text))


def _nulls(output: Output) -> bool:
    return any(_holds_null(value) for call in read(output.text).calls for value in call.arguments.values())


def _holds_null(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(_holds_null, value)))


_SIGNS = (
    _Sign(Code.PADS_CHOSEN, _chose_pads),
    _Sign(Code.EMPTY_OUTPUTS, _has(Problem.EMPTY)),
    _Sign(Code.SCHEMA_ECHO, _has(Problem.SCHEMA_ECHO)),
    _Sign(Code.PROMPT_ECHO, _echoes_prompt),
    _Sign(Code.RUN_ON, _runs_on),
    _Sign(Code.REPETITION, _loops),
    _Sign(Code.CUT_OFF, _cut_off),
    _Sign(Code.JSON_ARGUMENTS, _json_arguments),
    _Sign(Code.NULL_FILLED, _nulls),
)
