"""JSON files of a folder that nobody vouches for: of bounded size, and told in one line when they cannot be read."""

from pathlib import Path

from harness.errors import CandidateError, DataError
from harness.files import read_json
from harness.jsontypes import Json

MOST_JSON = 16 << 20  # bytes: a configuration or a training log is a thousandth of it


def bounded_json(path: Path) -> Json:
    """What the file holds. Raises CandidateError when it is too large, unreadable or no JSON."""
    try:
        if path.stat().st_size > MOST_JSON:
            raise CandidateError(f"larger than {MOST_JSON >> 20} MiB", path=path, remedy="restore the file")
        return read_json(path)
    except OSError as error:
        raise CandidateError(f"cannot read: {error.strerror}", path=path) from error
    except DataError as error:
        raise CandidateError(error.what, path=path, line=error.line, remedy="restore the file") from error
