"""Which suites a command line means, so that markers, scheduler and collection agree before anything is collected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.paths import normal
from harness.stages import read_stages

STAGES = "stages.toml"


def is_case_file(path: Path) -> bool:
    """Whether the file holds cases: `SUITE/cases/NAME.jsonl`."""
    return path.suffix == ".jsonl" and path.parent.name == "cases" and (path.parent.parent / STAGES).is_file()


def is_stages_file(path: Path) -> bool:
    """Whether the file makes its folder a suite."""
    return path.name == STAGES


def suites_of(arguments: list[str], suite: Path | None) -> list[Path]:
    """The suites the arguments lead to: around a file, or up to two folders below. `--suite` leaves its own only."""
    places = [normal(argument.partition("::")[0]) for argument in arguments]
    found = dict.fromkeys(root for place in places for root in _around(place) if (root / STAGES).is_file())
    return [root for root in found if suite is None or root == suite]


def _around(place: Path) -> Iterator[Path]:
    yield from (place, place.parent, place.parent.parent)
    if place.is_dir():
        yield from (
            stages.parent for pattern in (f"*/{STAGES}", f"*/*/{STAGES}") for stages in sorted(place.glob(pattern))
        )


def stage_markers(asked: list[Path], root: Path) -> dict[str, str]:
    """A marker a stage, with the suites that have it. A suite that is asked for must be readable: else UsageError.

    Those in the project's `suites/` are known too, so that `-m "not stage4"` may be said of any run.
    """
    suites: dict[str, list[str]] = {}
    for folder in dict.fromkeys([*asked, *(path.parent for path in sorted(root.glob(f"suites/*/{STAGES}")))]):
        try:
            file = read_stages(folder / STAGES)
        except DataError as error:
            if folder in asked:
                raise pytest.UsageError(str(error)) from error
            continue
        for entry in file.entries:
            suites.setdefault(entry.name, []).append(file.suite)
    return {name: f"the cases and gates of {name} ({', '.join(of)})" for name, of in suites.items()}
