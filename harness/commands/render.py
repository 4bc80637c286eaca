"""`python -m harness render --tokenizer DIR FILE`: conversations in, the prompts that the model would see out."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.calls.functions import FunctionSet
from harness.calls.prompt import render_row, token_ids
from harness.commands.rows import Row, read_rows, write_row
from harness.errors import DataError, PromptError, one_line
from harness.failures.function_sets import lint
from harness.failures.prompts import check_prompt
from harness.findings import Finding, Severity
from harness.jsontypes import Json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HELP = "render conversations with a tokenizer's chat template"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--functions", metavar="FILE", help="JSON list of tools, for rows without `tools` of their own")
    parser.add_argument("--tokenizer", metavar="DIR", required=True, help="folder or Hub id of the tokenizer")
    parser.add_argument(
        "file",
        metavar="FILE",
        help='JSON Lines of {"messages", "tools"?, "add_generation_prompt"? (default false)}; - is standard input',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print `{"prompt", "tokens", "findings"}` for every row; returns 2 if the template refused one, else 0."""
    from harness.models.loading import load_tokenizer

    shared = FunctionSet.load(Path(arguments.functions)) if arguments.functions else FunctionSet(())
    tokenizer = load_tokenizer(arguments.tokenizer)
    refused: list[DataError] = []
    for row in read_rows(arguments.file):
        try:
            write_row(_rendered(tokenizer, row, shared))
        except PromptError as error:
            refused.append(row.error(error.what, error.remedy))
            write_row({"prompt": None, "tokens": 0, "findings": [_refusal(error, row).json()]})
    if refused:
        more = f" (and {len(refused) - 1} more rows)" if len(refused) > 1 else ""
        print(f"error: {refused[0]}{more}", file=sys.stderr)
    return 2 if refused else 0


def _rendered(tokenizer: "PreTrainedTokenizerBase", row: Row, shared: FunctionSet) -> dict[str, Json]:
    functions = _functions(row) if "tools" in row.values else shared
    add_generation_prompt = row.flag("add_generation_prompt", default=False)
    text = render_row(tokenizer, _messages(row), functions.tools() or None, add_generation_prompt)
    findings: list[Json] = [finding.json() for finding in (*lint(functions), *check_prompt(text, functions))]
    return {"prompt": text, "tokens": len(token_ids(tokenizer, text)), "findings": findings}


def _functions(row: Row) -> FunctionSet:
    if row.values["tools"] is None:
        return FunctionSet(())
    try:
        return FunctionSet.from_tools(row.entries("tools"))
    except DataError as error:
        raise row.error(error.what, error.remedy) from error


def _messages(row: Row) -> list[dict[str, Json]]:
    messages = row.entries("messages")
    conversation = [turn for turn in messages if isinstance(turn, dict) and isinstance(turn.get("role"), str)]
    if not messages or len(conversation) < len(messages):
        raise row.error("`messages` must be a list of at least one object with a role")
    return conversation


def _refusal(error: PromptError, row: Row) -> Finding:
    return Finding(
        code="template_refused",
        severity=Severity.CRITICAL,
        where=one_line(f"{row.path}:{row.line}"),
        evidence=error.what,
        cause="the conversation is not one that the model's template can print",
        remedy=error.remedy or "mend the conversation",
    )
