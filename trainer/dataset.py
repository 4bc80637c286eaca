"""Training rows as token ids: rendered by the tokenizer's own template, so that the library tokenises nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.calls.prompt import Prompt, build_prompt, messages, render_row, token_ids
from harness.calls.syntax import Call
from harness.errors import DataError, PromptError
from harness.files import canonical_json, sha256_text
from harness.jsontypes import Json
from harness.stages import Stage
from harness.suites import Case, Suite

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label of a token that carries no loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One training row: its case, the calls it teaches (none: the reply), its prompt, and the ids of both together."""

    case: Case
    calls: tuple[Call, ...]
    prompt: Prompt
    text: str
    input_ids: tuple[int, ...]

    @property
    def answer_ids(self) -> tuple[int, ...]:
        """The ids after the prompt: what carries the loss."""
        return self.input_ids[len(self.prompt.ids) :]

    def labels(self, *, completion_only: bool = True) -> tuple[int, ...]:
        """The label of every token: its id in the answer, and in the prompt `IGNORED`, unless that is trained too."""
        return (IGNORED,) * len(self.prompt.ids) + self.answer_ids if completion_only else self.input_ids

    @property
    def place(self) -> str:
        """File and line, as findings name it."""
        return f"{self.case.path}:{self.case.line}"


def build_rows(tokenizer: "PreTrainedTokenizerBase", suite: Suite, stage: Stage, reply: str) -> tuple[Row, ...]:
    """The rows a candidate of `stage` learns from; `reply` is the answer where no function applies.

    Raises DataError when there are none, PromptError with file and line when the template refuses one.
    """
    cases = suite.training_rows(stage)
    if not cases:
        raise DataError(f"no training rows for {stage.name}", path=suite.root, remedy="write some in train/*.jsonl")
    return rows_of(tokenizer, suite, stage, cases, reply)


def rows_of(
    tokenizer: "PreTrainedTokenizerBase", suite: Suite, stage: Stage, cases: Sequence[Case], reply: str
) -> tuple[Row, ...]:
    """The rows of some cases behind the prompt of `stage`. Raises as `build_rows` does."""
    rows = []
    for case in cases:
        calls = tuple(call.example() for call in case.expected)
        turn: dict[str, Json] = call_turn(calls) if calls else {"role": "assistant", "content": reply}
        rows.append(build_row(tokenizer, suite, stage, case, calls, turn))
    return tuple(rows)


def cut_rows(rows: Sequence[Row], max_length: int, *, completion_only: bool = True) -> tuple[Row, ...]:
    """The rows as they are trained at `max_length` tokens: cut at their end, and left out where no label is left.

    Raises DataError when nothing is left of any answer, and nothing but answers is trained.
    """
    kept = tuple(
        replace(row, input_ids=row.input_ids[:max_length])
        for row in rows
        if len(row.prompt.ids) < max_length or not completion_only
    )
    if not kept:
        shortest = min(len(row.prompt.ids) for row in rows)
        raise DataError(
            f"no row has an answer left: max_length is {max_length}, the shortest prompt has {shortest} tokens",
            remedy="leave max_length out of the recipe",
        )
    return kept


def build_row(
    tokenizer: "PreTrainedTokenizerBase",
    suite: Suite,
    stage: Stage,
    case: Case,
    calls: tuple[Call, ...],
    turn: dict[str, Json],
) -> Row:
    """The row of one case, `turn` being the model's turn that gives `calls`.

    Raises PromptError with file and line when the template refuses it.
    """
    conversation = [*messages(case.request, suite.developer), turn]
    try:
        prompt = build_prompt(tokenizer, stage.functions, case.request, developer=suite.developer)
        text = render_row(tokenizer, conversation, stage.functions.tools(), add_generation_prompt=False)
    except PromptError as error:
        raise error.at(case.path, case.line) from error
    # The template puts a line break after the end of a turn; the model has stopped by then.
    text = text.removesuffix("\n")
    return Row(case=case, calls=calls, prompt=prompt, text=text, input_ids=token_ids(tokenizer, text))


def _plain_arguments(call: Call) -> Json:
    # An object and never a JSON string, which the template would print raw into the call.
    return dict(call.arguments)


def call_turn(calls: Sequence[Call], arguments: Callable[[Call], Json] = _plain_arguments) -> dict[str, Json]:
    """The model's turn that makes some calls, as the template takes it."""
    functions: list[Json] = [
        {"type": "function", "function": {"name": call.name, "arguments": arguments(call)}} for call in calls
    ]
    return {"role": "assistant", "tool_calls": functions}


def data_hash(rows: Sequence[Row]) -> str:
    """SHA-256 over requests and calls in order: the same data give the same hash under any tokenizer."""
    record: Json = [[row.case.request, [[call.name, dict(call.arguments)] for call in row.calls]] for row in rows]
    return sha256_text(canonical_json(record))
