"""The command line of `python -m trainer`: suite and stage, and every key of the recipe as an option over its file."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import DataError
from harness.models.matrix import Device
from trainer.faults import Fault
from trainer.recipe import Recipe, read_settings, recipe_path

EMBEDDED_BASE = Path(__file__).parents[1] / "fixtures" / "tiny-functiongemma"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Options that are not the recipe's."""

    suite: str = field(metadata={"help": "the suite's folder"})
    stage: str = field(metadata={"help": "the stage whose functions the candidate learns"})
    recipe: str = field(default="default", metadata={"help": "a recipe file, or the name of one in trainer/recipes"})
    from_candidate: str | None = field(
        default=None, metadata={"aliases": ["--from"], "help": "an earlier candidate to start from"}
    )
    output: str | None = field(default=None, metadata={"help": "the folder to write (candidates/SUITE/STAGE)"})
    base_model: str = field(
        default=str(EMBEDDED_BASE), metadata={"help": "the base's folder or Hub id (the embedded one)"}
    )
    device: Device = field(default=Device.CPU, metadata={"help": "where to train"})
    force: bool = field(default=False, metadata={"help": "train in spite of critical findings; the candidate tells"})
    fault: str | None = field(
        default=None,
        metadata={"choices": list(map(str, Fault)), "help": "break the candidate on purpose, see docs/faults.md"},
    )

    def __post_init__(self) -> None:
        """Take the enum's value, which the parser gives, for its member."""
        object.__setattr__(self, "device", Device(self.device))


def parse(argv: Sequence[str]) -> tuple[Arguments, Recipe]:
    """Read the command line, the recipe's file under it. Raises DataError, one line, for what makes no sense."""
    from trl.scripts.utils import TrlParser

    class Parser(TrlParser):
        """TrlParser, whose errors become ours instead of three screens of usage."""

        def error(self, message: str) -> NoReturn:
            raise DataError(message, remedy="see `python -m trainer --help`")

    settings = _recipe_settings(argv)
    kinds: Any = (Arguments, Recipe)
    parser = Parser(kinds, prog="python -m trainer", allow_abbrev=False)
    parser.set_defaults_with_config(**settings)
    try:
        arguments, recipe = parser.parse_args_into_dataclasses(args=list(argv), look_for_args_file=False)
    except ValueError as error:
        raise DataError(str(error), remedy="see `python -m trainer --help`") from error
    return arguments, recipe


def _recipe_settings(argv: Sequence[str]) -> dict[str, object]:
    """The settings of the recipe file the command line names, for the stage it names."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--recipe", default="default")
    first.add_argument("--stage", default="")
    try:
        known, _ = first.parse_known_args(list(argv))
    except argparse.ArgumentError as error:
        raise DataError(str(error), remedy="see `python -m trainer --help`") from error
    return dict(read_settings(recipe_path(known.recipe), known.stage))
