"""Prompts as the tokenizer's own chat template prints them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.calls.functions import FunctionSet
from harness.calls.tokens import Token
from harness.errors import PromptError, one_line
from harness.jsontypes import Json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEVELOPER_SENTENCE = "You are a model that can do function calling with the following functions"
"""What FunctionGemma was trained to see before the first declaration, word for word; the template does not add it."""

_BOS_REMEDY = f"the template must print {Token.BOS} once, at the start, and no request may hold it"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt and its token ids, `<bos>` included in both exactly once."""

    text: str
    ids: tuple[int, ...]


def messages(request: str, developer: str = DEVELOPER_SENTENCE) -> list[dict[str, Json]]:
    """The conversation that asks `request`: the developer's sentence, then the user."""
    return [{"role": "developer", "content": developer}, {"role": "user", "content": request}]


def build_prompt(
    tokenizer: "PreTrainedTokenizerBase",
    functions: FunctionSet,
    request: str,
    *,
    developer: str = DEVELOPER_SENTENCE,
) -> Prompt:
    """The prompt that asks `request` with `functions` declared; PromptError if that does not give one `<bos>`."""
    text = render_row(tokenizer, messages(request, developer), functions.tools(), add_generation_prompt=True)
    ids = token_ids(tokenizer, text)
    found = ids.count(tokenizer.convert_tokens_to_ids(Token.BOS.value))
    if found != 1:
        raise PromptError(f"the prompt holds {found} {Token.BOS} tokens, one is expected", remedy=_BOS_REMEDY)
    return Prompt(text, ids)


def token_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[int, ...]:
    """The ids of a rendered text; nothing is added, since the template has already printed `<bos>`."""
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def render_row(
    tokenizer: "PreTrainedTokenizerBase",
    conversation: Sequence[dict[str, Json]],
    tools: Sequence[dict[str, Json]] | None,
    add_generation_prompt: bool,
) -> str:
    """A conversation as the tokenizer's chat template prints it; PromptError if the template refuses."""
    from jinja2 import TemplateError

    turns: list[dict[Any, Any]] = list(conversation)
    declared: list[dict[Any, Any] | Callable[..., Any]] | None = None if tools is None else list(tools)
    try:
        text = tokenizer.apply_chat_template(
            turns, tools=declared, add_generation_prompt=add_generation_prompt, tokenize=False
        )
    except (TemplateError, TypeError, ValueError) as error:
        # TypeError and ValueError are what a template's own expressions and a tokenizer without a template raise.
        reason = one_line(str(error))
        raise PromptError(f"the chat template refuses the conversation: {reason}") from error
    return str(text)
