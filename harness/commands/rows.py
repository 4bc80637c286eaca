"""JSON Lines in and out, shared by the commands: rows whose place is known in, lines out."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DataError
from harness.files import parse_json_lines, read_json_lines
from harness.jsontypes import Json

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of input and the place to name when something is wrong with it."""

    values: Mapping[str, Json]
    path: str
    line: int

    def error(self, what: str, remedy: str | None = None) -> DataError:
        """The error that says `what` of this row."""
        return DataError(what, path=self.path, line=self.line, remedy=remedy)

    def text(self, key: str) -> str:
        """The string under `key`; DataError if there is none."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(f"the key {key!r} {self._found(key)}, a string is expected")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """The boolean under `key`; DataError if it holds something else."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"the key {key!r} {self._found(key)}, true or false is expected")
        return value

    def entries(self, key: str) -> list[Json]:
        """The list under `key`; DataError if there is none."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.error(f"the key {key!r} {self._found(key)}, a list is expected")
        return value

    def _found(self, key: str) -> str:
        return f"holds {self.values[key]!r:.60}" if key in self.values else "is missing"


def read_rows(file: str) -> Iterator[Row]:
    """The rows of a JSON Lines file, or of standard input for `-`; DataError with file:line for what is no object."""
    if file == STANDARD_INPUT:
        name, lines = "standard input", parse_json_lines(sys.stdin.buffer, "standard input")
    else:
        name, lines = file, read_json_lines(Path(file))
    for number, values in lines:
        if not isinstance(values, dict):
            raise DataError("the line is not a JSON object", path=name, line=number)
        yield Row(values, name, number)


def write_row(values: Mapping[str, Json]) -> None:
    """Print one row as a line of ASCII JSON, which every terminal and pipe takes whatever its encoding."""
    print(json.dumps(values, allow_nan=False))
