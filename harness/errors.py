"""The errors a user can meet: each is one clear line saying where, what was found, and what to do next.

CallproofError
├── DataError        a suite, a function set, cases or rows that cannot be used as they stand
├── PromptError      the chat template refuses a conversation, or gives what no model should be asked
├── CandidateError   an adapter that is missing, unreadable, or made for another base or function set
├── DeviceError      a device or number type was asked for that this machine does not have
└── OutputError      a file or folder that cannot be written
"""

from pathlib import Path


def one_line(text: str) -> str:
    """`text` on one line that a terminal can show: white space becomes one space, control characters are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


class CallproofError(Exception):
    """A mistake or a missing thing that the user can mend; `str()` gives "path:line: what; remedy" on one line."""

    def __init__(
        self, what: str, *, path: Path | str | None = None, line: int | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.line = line
        self.remedy = remedy

    def __str__(self) -> str:
        place = "" if self.path is None else f"{self.path}: " if self.line is None else f"{self.path}:{self.line}: "
        remedy = f"; {self.remedy}" if self.remedy else ""
        return one_line(f"{place}{self.what}{remedy}")

    def at(self, path: Path | str, line: int | None = None) -> "CallproofError":
        """The same error with its place filled in, for code that learns the place only further up."""
        return type(self)(self.what, path=path, line=line, remedy=self.remedy)


class DataError(CallproofError):
    """A suite, a function set, cases or rows that cannot be used as they stand."""


class PromptError(CallproofError):
    """The chat template refuses a conversation, or gives a prompt that no model should be asked."""


class CandidateError(CallproofError):
    """An adapter that is missing, unreadable, or made for another base or function set."""


class DeviceError(CallproofError):
    """A device or number type was asked for that this machine does not have."""


class OutputError(CallproofError):
    """A file or folder that cannot be written."""
