"""The check that a prompt shows the model every function, parameter and allowed value it is going to be judged by."""

import re
from collections.abc import Iterator

from harness.calls.functions import FunctionDeclaration, FunctionSet
from harness.calls.schema import RESERVED_NAMES, Schema, enum_of, parameters_within
from harness.calls.tokens import Token
from harness.findings import Finding, Severity

DEVELOPER_SENTENCE = "You are a model that can do function calling with the following functions"
"""What FunctionGemma was trained to see before the first declaration, word for word; the template does not add it."""

_STRING = re.compile(f"{Token.ESCAPE}.*?{Token.ESCAPE}", re.DOTALL)
_CAUSE = "the template in use does not print it, or the prompt was cut or altered after it was rendered"
_REMEDY = "render the prompt with the base's own chat template, uncut; `lint` names the schemas it cannot print"


def check_prompt(text: str, functions: FunctionSet, *, developer: str = DEVELOPER_SENTENCE) -> tuple[Finding, ...]:
    """What a rendered prompt lacks of the declarations and the frame around them.

    Parameters whose names the template is known to drop are left to `lint`, which names the cause.
    """
    declared = [finding for function in functions.functions for finding in _check_function(text, function)]
    return (*_check_frame(text, functions, developer), *declared)


def _check_frame(text: str, functions: FunctionSet, developer: str) -> Iterator[Finding]:
    found = text.count(Token.BOS)
    if found > 1:
        yield Finding(
            code="double_bos",
            severity=Severity.CRITICAL,
            evidence=f"{Token.BOS} stands {found} times in the prompt",
            cause="a rendered prompt, which already begins with it, was given it again",
            remedy="tokenize rendered text with add_special_tokens=False",
        )
    if found == 0:
        yield _missing("missing_bos", "", f"{Token.BOS} does not stand in the prompt")
    if functions.functions and f"{developer}{Token.START_DECLARATION}" not in text:
        yield Finding(
            code="missing_developer_sentence",
            severity=Severity.WARNING,
            evidence=f"the developer's sentence {developer!r} does not stand right before the first declaration",
            cause="the template does not add it, the caller has to",
            remedy="give it, word for word, as the content of a first message with the role developer",
        )


def _check_function(text: str, function: FunctionDeclaration) -> Iterator[Finding]:
    block = _block(text, function.name)
    if block is None:
        yield _missing("prompt_missing_function", function.name, "the function is not declared in the prompt")
        return
    structure = _STRING.sub(Token.ESCAPE * 2, block)
    for path, name, schema in parameters_within(function.parameters):
        if not RESERVED_NAMES.isdisjoint(path.replace("[]", "").split(".")):
            continue
        where = f"{function.name}.{path}"
        if not re.search(rf"[{{,]{re.escape(name)}:{{description:", structure):
            yield _missing("prompt_missing_parameter", where, "the parameter is not declared in the prompt")
        else:
            yield from _check_enum(block, schema, where)


def _check_enum(block: str, schema: Schema, where: str) -> Iterator[Finding]:
    if schema.get("type") != "string":
        return
    for value in enum_of(schema):
        if f"{Token.ESCAPE}{value}{Token.ESCAPE}" not in block:
            yield _missing("prompt_missing_enum_value", where, f"the allowed value {value!r} is not in the prompt")


def _block(text: str, name: str) -> str | None:
    """The declaration of one function, between its markers."""
    _, opening, rest = text.partition(f"{Token.START_DECLARATION}declaration:{name}{{")
    block, closing, _ = rest.partition(Token.END_DECLARATION)
    return block if opening and closing else None


def _missing(code: str, where: str, evidence: str) -> Finding:
    return Finding(code=code, severity=Severity.CRITICAL, where=where, evidence=evidence, cause=_CAUSE, remedy=_REMEDY)
