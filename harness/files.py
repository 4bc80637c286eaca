"""Strict reading of JSON and whole-or-absent writing, so that no broken line or half-written file goes unseen."""

import codecs
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from harness.errors import DataError, OutputError
from harness.jsontypes import MAX_NESTING, Json, nests_too_deeply


def canonical_json(value: Json | Sequence[Json] | Mapping[str, Json]) -> str:
    """One fixed spelling of a JSON value (sorted keys, no spaces), for hashing; ValueError on NaN and Infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_text(text: str) -> str:
    """The SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal; DataError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", path=path) from error


def read_json(path: Path) -> Json:
    """The one JSON value a file holds; DataError with file:line where it is not strict JSON."""
    try:
        return _strict_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", path=path) from error
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg} at column {error.colno}", path=path, line=error.lineno) from error
    except ValueError as error:
        raise DataError(str(error), path=path) from error


def read_json_lines(path: Path) -> Iterator[tuple[int, Json]]:
    """Every line's number (from 1) and value; blank lines are skipped; DataError with file:line on a broken one."""
    try:
        with path.open("rb") as stream:
            yield from parse_json_lines(stream, str(path))
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", path=path) from error


def parse_json_lines(stream: Iterable[bytes], name: str) -> Iterator[tuple[int, Json]]:
    """As `read_json_lines`, from a byte stream that the messages call `name`.

    Bytes and not text, because only so a line that is not UTF-8 can be named.
    """
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            yield number, _strict_json(line)
        except json.JSONDecodeError as error:
            raise DataError(f"not JSON: {error.msg} at column {error.colno}", path=name, line=number) from error
        except ValueError as error:
            raise DataError(str(error), path=name, line=number) from error


def _strict_json(data: bytes) -> Json:
    """The JSON value in `data`; ValueError for what Python's own reader lets through and later code could not bear."""
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        value: Json = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1} is {error.object[error.start]:#04x}") from error
    except RecursionError as error:
        raise ValueError(f"nested more than {MAX_NESTING} levels deep") from error
    if nests_too_deeply(value):
        raise ValueError(f"nested more than {MAX_NESTING} levels deep")
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    return value


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    unique: dict[str, Json] = {}
    for key, value in pairs:
        if key in unique:
            raise ValueError(f"the key {key!r} stands twice in one object")
        unique[key] = value
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits} is out of range")
    return number


def _refuse_lone_surrogates(value: Json) -> None:
    # Half a surrogate pair is no Unicode text: tokenizers and terminals raise on it much later, without a line number.
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a string holds half a surrogate pair, which is not Unicode text") from error


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a file so that at any moment, a kill included, it is the old one or the new one whole; else OutputError.

    Text is written as UTF-8; missing parent folders are made.
    """
    partial = _partial_name(path)
    try:
        payload = data.encode("utf-8") if isinstance(data, str) else data
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", path=path) from error
    except UnicodeEncodeError as error:
        raise OutputError(f"cannot write: {error}", path=path) from error


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new sibling folder to fill, which takes the place of `target` when the block ends well and is gone otherwise.

    An existing `target` is moved aside first and brought back if the exchange fails. OutputError if it cannot be done.
    """
    partial = _partial_name(target)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", path=target) from error
    try:
        yield partial
        _put_in_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, target: Path) -> None:
    aside = _partial_name(target)
    try:
        _flush_files(partial)
        if target.exists():
            target.rename(aside)
        try:
            partial.rename(target)
        except OSError:
            if aside.exists():
                aside.rename(target)
            raise
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", path=target) from error
    shutil.rmtree(aside, ignore_errors=True)


def _flush_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _partial_name(path: Path) -> Path:
    # Not tempfile: its files and folders are closed to everyone else, and stay so after the rename.
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
