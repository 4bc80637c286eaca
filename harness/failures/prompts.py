"""The check that a prompt shows the model every function, parameter and allowed value it is going to be judged by."""

import re
from collections.abc import Iterator

from harness.calls.functions import FunctionDeclaration, FunctionSet
from harness.calls.prompt import DEVELOPER_SENTENCE
from harness.calls.schema import RESERVED_NAMES, Schema, enum_of, parameters_within
from harness.calls.tokens import Token
from harness.failures.catalogue import CATALOGUE, Code
from harness.findings import Finding

_STRING = re.compile(f"{Token.ESCAPE}.*?{Token.ESCAPE}", re.DOTALL)


def check_prompt(text: str, functions: FunctionSet, *, developer: str = DEVELOPER_SENTENCE) -> tuple[Finding, ...]:
    """What a rendered prompt lacks of the declarations and the frame around them.

    Parameters whose names the template is known to drop are left to `lint`, which names the cause.
    """
    declared = [finding for function in functions.functions for finding in _check_function(text, function)]
    return (*_check_frame(text, functions, developer), *declared)


def _check_frame(text: str, functions: FunctionSet, developer: str) -> Iterator[Finding]:
    found = text.count(Token.BOS)
    if found > 1:
        yield CATALOGUE[Code.DOUBLE_BOS].found(f"{Token.BOS} stands {found} times in the prompt")
    if found == 0:
        yield CATALOGUE[Code.MISSING_BOS].found(f"{Token.BOS} does not stand in the prompt")
    if functions.functions and f"{developer}{Token.START_DECLARATION}" not in text:
        yield CATALOGUE[Code.MISSING_DEVELOPER_SENTENCE].found(
            f"the developer's sentence {developer!r} does not stand right before the first declaration"
        )


def _check_function(text: str, function: FunctionDeclaration) -> Iterator[Finding]:
    block = _block(text, function.name)
    if block is None:
        yield CATALOGUE[Code.PROMPT_MISSING_FUNCTION].found("the function is not declared in the prompt", function.name)
        return
    structure = _STRING.sub(Token.ESCAPE * 2, block)
    for path, name, schema in parameters_within(function.parameters):
        if not RESERVED_NAMES.isdisjoint(path.replace("[]", "").split(".")):
            continue
        where = f"{function.name}.{path}"
        if not re.search(rf"[{{,]{re.escape(name)}:{{description:", structure):
            yield CATALOGUE[Code.PROMPT_MISSING_PARAMETER].found("the parameter is not declared in the prompt", where)
        else:
            yield from _check_enum(block, schema, where)


def _check_enum(block: str, schema: Schema, where: str) -> Iterator[Finding]:
    if schema.get("type") != "string":
        return
    for value in enum_of(schema):
        if f"{Token.ESCAPE}{value}{Token.ESCAPE}" not in block:
            evidence = f"the allowed value {value!r} is not in the prompt"
            yield CATALOGUE[Code.PROMPT_MISSING_ENUM_VALUE].found(evidence, where)


def _block(text: str, name: str) -> str | None:
    """The declaration of one function, between its markers."""
    _, opening, rest = text.partition(f"{Token.START_DECLARATION}declaration:{name}{{")
    block, closing, _ = rest.partition(Token.END_DECLARATION)
    return block if opening and closing else None
