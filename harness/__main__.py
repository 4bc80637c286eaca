"""The command line: `python -m harness parse|render|judge`, JSON Lines in and JSON Lines out, and `doctor`.

Exit status 2, with one line on standard error, says that the input could not be used.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from harness.commands import doctor, judge, parse, render
from harness.errors import CallproofError, one_line

_COMMANDS = {"parse": parse, "render": render, "judge": judge, "doctor": doctor}
_BAD_INPUT = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all others; `--help` has the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(_BAD_INPUT, f"error: {one_line(message)}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except CallproofError as error:
        print(f"error: {error}", file=sys.stderr)
        return _BAD_INPUT
    except BrokenPipeError:
        _discard_output()
        return _BROKEN_PIPE
    except OSError as error:
        _discard_output()
        print(f"error: standard output: {error.strerror}", file=sys.stderr)
        return _BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _discard_output() -> None:
    # Python flushes once more at exit, and would complain about what already failed: give it a place to flush to.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> _Parser:
    parser = _Parser(prog="python -m harness", description="Commands of callproof.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
