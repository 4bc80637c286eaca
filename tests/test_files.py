"""Strict reading and whole-or-absent writing."""

import io
from pathlib import Path

import pytest

from harness.errors import DataError, OutputError
from harness.files import (
    canonical_json,
    parse_json_lines,
    read_json,
    read_json_lines,
    sha256_file,
    sha256_text,
    whole_folder,
    write_whole,
)
from harness.jsontypes import Json


def test_lines_are_numbered_and_blank_ones_skipped(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n"\xc3\xa9 \\ud83d\\ude00"')
    assert list(read_json_lines(file)) == [(1, {"a": 1}), (4, "é 😀")]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{", "rows:2: not JSON: "),
        (b'{"a": 1} x', "rows:2: not JSON: Extra data"),
        (b'"\xff"', "rows:2: not UTF-8: byte 2 is 0xff"),
        (b"NaN", "rows:2: NaN is not JSON"),
        (b"[-Infinity]", "rows:2: -Infinity is not JSON"),
        (b"1e999", "rows:2: the number 1e999 is out of range"),
        (b'{"a": {"b": 1, "b": 2}}', "rows:2: the key 'b' stands twice"),
        (b'"\\ud800"', "rows:2: a string holds half a surrogate pair"),
        (b'{"\\udfff": 1}', "rows:2: a string holds half a surrogate pair"),
        (b"9" * 5000, "rows:2: Exceeds the limit"),
        (b"[" * 66 + b"]" * 66, "rows:2: nested more than 64 levels deep"),
        (b"[" * 100_000, "rows:2: nested more than 64 levels deep"),
    ],
)
def test_a_broken_line_is_named(line: bytes, what: str) -> None:
    rows = parse_json_lines(io.BytesIO(b"1\n" + line), "rows")
    assert next(rows) == (1, 1)
    with pytest.raises(DataError) as caught:
        next(rows)
    assert str(caught.value).startswith(what)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (read_json, sha256_file, lambda path: list(read_json_lines(path))):
        with pytest.raises(DataError, match="absent: cannot read: No such file"):
            read(tmp_path / "absent")


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_hashes_agree(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "é")
    assert sha256_file(tmp_path / "file") == sha256_text("é")


def test_a_file_is_written_whole_over_an_old_one(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    write_whole(file, "one")
    write_whole(file, b"two")
    assert file.read_bytes() == b"two"
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path, data in ((tmp_path / "folder", "x"), (tmp_path / "file", "\ud800")):
        with pytest.raises(OutputError, match="cannot write"):
            write_whole(path, data)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_takes_its_place_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for content in ("one", "two"):
        with whole_folder(target) as folder:
            (folder / content).write_text(content)
        assert [path.name for path in target.iterdir()] == [content]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def write_half(folder: Path) -> None:
    write_whole(folder / "new", "half")
    write_whole(folder, "a folder is no file")


def test_a_block_that_fails_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(OutputError), whole_folder(target) as folder:
        write_half(folder)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_exchange_that_fails_brings_the_old_folder_back(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(OutputError, match="cannot write"), whole_folder(target) as folder:
        folder.rename(tmp_path / "stolen")
    assert [path.name for path in target.iterdir()] == ["old"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"), whole_folder(tmp_path / "file" / "folder"):
        pass


def test_any_json_value_is_a_line() -> None:
    values: list[Json] = [None, True, 1, 1.5, "x", [1], {"a": []}]
    lines = "\n".join(canonical_json(value) for value in values).encode()
    assert [value for _, value in parse_json_lines(io.BytesIO(lines), "rows")] == values
