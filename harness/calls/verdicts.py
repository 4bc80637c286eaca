"""What the judge says: one outcome a case, and every error found with the call and the argument it stands in."""

from dataclasses import dataclass
from enum import StrEnum

from harness.jsontypes import Json


class Outcome(StrEnum):
    """What became of a case; only `correct` counts."""

    CORRECT = "correct"
    """Exactly the expected calls, or no call where none was due."""
    WRONG = "wrong"
    """Calls were due and made, but not the right ones."""
    ABSTAINED = "abstained"
    """Calls were due, and the answer was clean text or a clean stop."""
    UNEXPECTED_CALL = "unexpected_call"
    """No call was due, and one was made."""
    MALFORMED = "malformed"
    """A call breaks off or does not follow the grammar."""
    JUNK = "junk"
    """Nothing, pads, echoed declarations or stray tokens: never an answer, and so never a refusal either."""


class ErrorCode(StrEnum):
    """What is wrong: with the calls made, with one argument, or with the output as a whole."""

    MISSING_CALL = "missing_call"
    EXTRA_CALL = "extra_call"
    UNKNOWN_FUNCTION = "unknown_function"
    """The function called is not declared."""
    WRONG_FUNCTION = "wrong_function"
    """A declared function, where another was due."""
    MISSING_ARGUMENT = "missing_argument"
    EXTRA_ARGUMENT = "extra_argument"
    """A declared argument that this case does not call for."""
    UNKNOWN_ARGUMENT = "unknown_argument"
    """An argument that the function does not declare."""
    DUPLICATE_ARGUMENT = "duplicate_argument"
    WRONG_TYPE = "wrong_type"
    NOT_IN_ENUM = "not_in_enum"
    WRONG_VALUE = "wrong_value"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    JUNK = "junk"
    EMPTY = "empty"
    PAD_ONLY = "pad_only"
    SCHEMA_ECHO = "schema_echo"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallError:
    """One error: in which call (from 0, as the model made them) and argument (dotted path, `tags[2].name`), if any."""

    code: ErrorCode
    call: int | None = None
    argument: str | None = None
    expected: Json = None
    got: Json = None

    def json(self) -> dict[str, Json]:
        """The error as the command line and records print it."""
        return {
            "code": self.code.value,
            "call": self.call,
            "argument": self.argument,
            "expected": self.expected,
            "got": self.got,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of one output: its outcome and every error found."""

    outcome: Outcome
    errors: tuple[CallError, ...] = ()
