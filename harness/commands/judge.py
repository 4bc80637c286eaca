"""`python -m harness judge --functions FILE CASES OUTPUTS`: score the outputs of any engine against cases."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.calls.functions import FunctionSet
from harness.calls.judge import ExpectedCall, expected_call, judge
from harness.calls.syntax import Call, Reading, read
from harness.commands.rows import STANDARD_INPUT, Row, read_rows, write_row
from harness.errors import DataError
from harness.jsontypes import Json

HELP = "score model outputs against the calls that were expected"

_CASE_KEYS = frozenset({"id", "request", "calls", "tags", "functions"})


@dataclass(frozen=True, slots=True)
class _Case:
    """A case as this command needs it: the calls that answer it and the functions declared with it."""

    row: Row
    expected: tuple[ExpectedCall, ...]
    functions: FunctionSet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--functions", metavar="FILE", help="JSON list of tools, for cases without their own")
    parser.add_argument("cases", metavar="CASES", help='JSON Lines of {"id", "request", "calls", "functions"?}')
    parser.add_argument(
        "outputs", metavar="OUTPUTS", help='JSON Lines of {"id", "output"} or {"id", "calls"}; - is standard input'
    )


def run(arguments: argparse.Namespace) -> int:
    """Print `{"id", "outcome", "errors"}` for every case, in the order of the cases; returns the exit status.

    Nothing is printed unless every case has its one output: a score over a part would look like one over the whole.
    """
    if arguments.cases == arguments.outputs == STANDARD_INPUT:
        raise DataError("CASES and OUTPUTS cannot both be standard input", remedy="give one of them as a file")
    shared = FunctionSet.load(Path(arguments.functions)) if arguments.functions else None
    cases = _cases(arguments.cases, shared)
    readings = _readings(arguments.outputs, cases)
    for name, case in cases.items():
        if name not in readings:
            raise case.row.error(f"the case {name!r} has no output", f"give every case one in {arguments.outputs}")
    for name, case in cases.items():
        verdict = judge(readings[name], case.expected, case.functions)
        errors: list[Json] = [error.json() for error in verdict.errors]
        write_row({"id": name, "outcome": verdict.outcome, "errors": errors})
    return 0


def _cases(file: str, shared: FunctionSet | None) -> dict[str, _Case]:
    cases: dict[str, _Case] = {}
    for row in read_rows(file):
        name = row.text("id")
        if name in cases:
            raise row.error(f"the id {name!r} stands twice, first on line {cases[name].row.line}")
        cases[name] = _case(row, shared)
    if not cases:
        raise DataError("no cases", path=file, remedy='give one {"id", "request", "calls"} a line')
    return cases


def _case(row: Row, shared: FunctionSet | None) -> _Case:
    if unknown := sorted(row.values.keys() - _CASE_KEYS):
        known = ", ".join(sorted(_CASE_KEYS))
        raise row.error(f"the case holds the unknown key {unknown[0]!r}", f"a case's keys are {known}")
    functions = _functions(row) if "functions" in row.values else shared
    if functions is None:
        raise row.error("no functions are declared", "give --functions FILE, or the case a key `functions`")
    try:
        expected = tuple(expected_call(call, functions) for call in row.entries("calls"))
    except ValueError as error:
        raise row.error(str(error)) from error
    return _Case(row, expected, functions)


def _functions(row: Row) -> FunctionSet:
    try:
        return FunctionSet.from_tools(row.entries("functions"))
    except DataError as error:
        raise row.error(error.what, error.remedy) from error


def _readings(file: str, cases: Mapping[str, _Case]) -> dict[str, Reading]:
    readings: dict[str, Reading] = {}
    for row in read_rows(file):
        name = row.text("id")
        if name not in cases:
            raise row.error(f"no case has the id {name!r}")
        if name in readings:
            raise row.error(f"a second output for the case {name!r}", "give every case one output")
        readings[name] = _reading(row)
    return readings


def _reading(row: Row) -> Reading:
    if ("output" in row.values) == ("calls" in row.values):
        raise row.error("either `output` or `calls` is expected, and not both")
    if "output" in row.values:
        return read(row.text("output"), complete=row.flag("complete", default=True))
    return Reading.of_calls(_call(row, call) for call in row.entries("calls"))


def _call(row: Row, call: Json) -> Call:
    name = call.get("name") if isinstance(call, dict) else None
    arguments = call.get("arguments", {}) if isinstance(call, dict) else None
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        raise row.error('a call must be {"name": str, "arguments": object}', "decode arguments that are a JSON string")
    return Call(name, arguments)
