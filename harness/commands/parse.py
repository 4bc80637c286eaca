"""`python -m harness parse FILE`: model outputs in, their calls and what is wrong with them out."""

import argparse

from harness.calls.syntax import Call, read
from harness.commands.rows import read_rows, write_row
from harness.jsontypes import Json

HELP = "read the calls out of raw model outputs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help='JSON Lines of {"output": str, "complete"? (false: cut off by the token limit)}; - is standard input',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print `{"calls", "text", "problem"}` for every row; returns the exit status."""
    file: str = arguments.file
    for row in read_rows(file):
        reading = read(row.text("output"), complete=row.flag("complete", default=True))
        calls: list[Json] = [call_json(call) for call in reading.calls]
        write_row({"calls": calls, "text": reading.text, "problem": reading.problem})
    return 0


def call_json(call: Call) -> dict[str, Json]:
    """A call as the commands print it."""
    return {"name": call.name, "arguments": dict(call.arguments)}
