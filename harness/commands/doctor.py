"""`python -m harness doctor CANDIDATE`: what is wrong with an adapter, cheapest checks first, and what to do about it.

Exit status 0: healthy (notes aside); 1: findings; 2: unusable.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.rows import write_row
from harness.jsontypes import Json
from harness.paths import EMBEDDED_BASE

if TYPE_CHECKING:
    from harness.failures.examination import ModelReport
    from harness.models.candidate import Candidate

HELP = "examine an adapter: its files, its numerics, its merge"
REQUEST = "Play Bohemian Rhapsody"
_PROBE: dict[str, Json] = {
    "type": "function",
    "function": {
        "name": "play_song",
        "description": "Play a specific song by name or artist",
        "parameters": {
            "type": "object",
            "properties": {"song_name": {"type": "string", "description": "Name of the song"}},
            "required": ["song_name"],
        },
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("candidate", metavar="CANDIDATE", help="folder or Hub id of the adapter")
    parser.add_argument("--base", default=str(EMBEDDED_BASE), metavar="ID_OR_DIR", help="default: the embedded base")
    parser.add_argument("--functions", type=Path, metavar="FILE", help="declared to the model (default: play_song)")
    parser.add_argument("--request", default=REQUEST, metavar="TEXT", help=f"what is asked (default: {REQUEST!r})")
    parser.add_argument("--files-only", action="store_true", help="leave out what needs torch")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print the page or the object; returns the exit status."""
    from harness.failures.adapter_files import runnable
    from harness.failures.examination import Examination, examine_files
    from harness.models.candidate import load_candidate
    from harness.report.doctor import as_json, page

    candidate, base = load_candidate(arguments.candidate), str(arguments.base)
    files = examine_files(candidate, base)
    model = None
    if runnable(files.findings) and not arguments.files_only:
        model = _examine_model(candidate, base, arguments.functions, arguments.request)
    name, examination = str(arguments.candidate), Examination(files, model)
    if arguments.json:
        write_row(as_json(name, base, examination))
    else:
        print(page(name, base, examination), end="")
    return 0 if examination.healthy else 1


def _examine_model(candidate: "Candidate", base: str, functions: Path | None, request: str) -> "ModelReport":
    from harness.calls.functions import FunctionSet
    from harness.calls.prompt import build_prompt
    from harness.failures.examination import examine_model
    from harness.models.loading import load_tokenizer

    tokenizer = load_tokenizer(base)
    declared = FunctionSet.from_tools([_PROBE]) if functions is None else FunctionSet.load(functions)
    prompt = build_prompt(tokenizer, declared, request)
    return examine_model(candidate, base, tokenizer, prompt.ids)
