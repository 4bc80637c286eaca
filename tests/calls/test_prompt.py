"""Prompts: one `<bos>`, the template's own bytes, and a check that finds whatever the model would not be shown."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.calls.functions import FunctionSet
from harness.calls.prompt import DEVELOPER_SENTENCE, build_prompt, messages, render_row
from harness.calls.syntax import Call, render_calls
from harness.errors import PromptError
from harness.failures.prompts import check_prompt
from harness.jsontypes import Json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENIZER = Path(__file__).parents[2] / "fixtures" / "tiny-functiongemma"
ACTION: Json = {"type": "string", "description": "d", "enum": ["next", "stop"]}
FUNCTIONS = FunctionSet.from_tools(
    [
        {
            "name": name,
            "description": "d",
            "parameters": {
                "type": "object",
                "properties": {
                    "action": ACTION,
                    "type": ACTION,
                    "place": {"type": "object", "description": "d", "properties": {"city": {"type": "string"}}},
                },
            },
        }
        for name in ("first", "second")
    ]
)


@pytest.fixture(scope="module")
def tokenizer() -> "PreTrainedTokenizerBase":
    from harness.models.loading import load_tokenizer

    return load_tokenizer(TOKENIZER)


@pytest.fixture(scope="module")
def prompt(tokenizer: "PreTrainedTokenizerBase") -> str:
    return build_prompt(tokenizer, FUNCTIONS, "Play next").text


def codes(text: str) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in check_prompt(text, FUNCTIONS)]


def test_a_prompt_has_the_released_frame_and_one_bos(tokenizer: "PreTrainedTokenizerBase") -> None:
    prompt = build_prompt(tokenizer, FUNCTIONS, " Play next ")
    head = f"<bos><start_of_turn>developer\n{DEVELOPER_SENTENCE}<start_function_declaration>declaration:first{{"
    assert prompt.text.startswith(head)
    assert prompt.text.endswith("<start_of_turn>user\nPlay next<end_of_turn>\n<start_of_turn>model\n")
    assert prompt.ids[0] == tokenizer.convert_tokens_to_ids("<bos>")
    assert prompt.ids.count(prompt.ids[0]) == 1
    assert tokenizer.decode(list(prompt.ids)) == prompt.text


def test_a_request_that_holds_bos_is_refused(tokenizer: "PreTrainedTokenizerBase") -> None:
    with pytest.raises(PromptError, match="the prompt holds 2 <bos> tokens, one is expected"):
        build_prompt(tokenizer, FUNCTIONS, "Play <bos>")


def test_calls_are_written_as_the_template_prints_them(tokenizer: "PreTrainedTokenizerBase") -> None:
    arguments: dict[str, Json] = {
        "b": 1, "A": True, "a": None, "d": 1.5, "e": 1e-05, "f": 1e20, "g": -0.0, "h": 10**30,
        "i": ["x", 2, None, {"k": "v", "K": [], "a": {}}], "s": "a, b: {c} [d] \"e\" 'f'\nnew line", "t": "",
    }  # fmt: skip
    functions: list[dict[str, Json]] = [{"name": "f", "arguments": arguments}, {"name": "g", "arguments": {}}]
    calls: list[Json] = [{"function": function} for function in functions]
    conversation: list[dict[str, Json]] = [*messages("hi"), {"role": "assistant", "tool_calls": calls}]
    text = render_row(tokenizer, conversation, None, add_generation_prompt=False)
    assert text.endswith("<start_of_turn>model\n" + render_calls([Call("f", arguments), Call("g", {})]))


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "tool", "content": "Sunny"},
        {"role": "assistant", "tool_calls": 1},
        {"role": "assistant", "tool_calls": [1]},
    ],
)
def test_a_refusal_of_the_template_is_one_error(turn: dict[str, Json], tokenizer: "PreTrainedTokenizerBase") -> None:
    with pytest.raises(PromptError, match=r"the chat template refuses the conversation: ."):
        render_row(tokenizer, [*messages("hi"), turn], None, add_generation_prompt=True)


def test_a_whole_prompt_has_no_findings_and_leaves_reserved_names_to_the_lint(prompt: str) -> None:
    assert codes(prompt) == []


def test_what_a_prompt_lacks_is_found(prompt: str) -> None:
    assert codes(prompt.replace("declaration:second{", "declaration:third{")) == [("prompt_missing_function", "second")]
    assert codes(prompt.replace("action:{", "act:{", 1)) == [("prompt_missing_parameter", "first.action")]
    assert codes(prompt.replace("city:{", "town:{", 1)) == [("prompt_missing_parameter", "first.place.city")]
    assert codes(prompt.replace("<escape>stop<escape>", "", 1)) == [("prompt_missing_enum_value", "first.action")]
    assert codes(prompt.replace(DEVELOPER_SENTENCE, "Call:")) == [("missing_developer_sentence", "")]
    assert codes("<bos>" + prompt) == [("double_bos", "")]
    assert codes(prompt.removeprefix("<bos>")) == [("missing_bos", "")]


def test_a_prompt_cut_short_lacks_what_was_cut(prompt: str) -> None:
    cut = prompt[: prompt.index("declaration:second{") + 40]
    assert codes(cut) == [("prompt_missing_function", "second")]


def test_a_parameter_named_only_in_a_description_is_missing() -> None:
    functions = FunctionSet.from_tools([{"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}])
    text = (
        f"<bos>{DEVELOPER_SENTENCE}<start_function_declaration>"
        "declaration:f{description:<escape>,a:{description:<escape>}<end_function_declaration>"
    )
    assert [finding.code for finding in check_prompt(text, functions)] == ["prompt_missing_parameter"]
