"""The store: what was computed once, by the hash of all that it came of, in one SQLite file that many processes share.

SQLite's write-ahead log keeps it whole through a kill at any moment. It is a cache: where it cannot be read or written
(a full disk, a damaged file) it says so once and is done without.
"""

import json
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from harness.files import canonical_json, sha256_text
from harness.jsontypes import Json

NAME = "completions.sqlite"
LIMIT = 512 * 2**20  # bytes
_AT_ONCE = 500  # keys a query: SQLite takes at least 999 variables
_PATIENCE = 60.0  # seconds to wait for another process's write
_FRESH = 24 * 3600  # seconds for which an entry counts as just used: a hit need not be written down each time
_Result = TypeVar("_Result")


class StoreWarning(UserWarning):
    """The store cannot be used, and everything is computed anew."""


def key(kind: str, *parts: Json) -> str:
    """The key of something of a kind that came of `parts`: their SHA-256."""
    return sha256_text(canonical_json([kind, *parts]))


class Store:
    """Values by key; entries longest unused are dropped first where there are more than `limit` bytes."""

    def __init__(self, folder: Path | None, limit: int = LIMIT) -> None:
        """Nothing is opened or made before the first use. Without a folder nothing is kept."""
        self._folder = folder
        self._limit = limit

    def get(self, keys: Sequence[str]) -> dict[str, Json]:
        """The values that are there."""
        return self._try(lambda base: self._read(base, keys), {}) if keys else {}

    def put(self, entries: Mapping[str, Json]) -> None:
        """Keep values, all of them or, if this process dies, none."""
        if entries:
            self._try(lambda base: self._write(base, entries), None)

    def _try(self, work: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        folder = self._folder
        if folder is None:
            return otherwise
        try:
            with _opened(folder) as base:
                return work(base)
        except (sqlite3.Error, OSError) as error:
            self._folder = None
            text = f"{folder / NAME}: the store cannot be used: {error}; everything is computed anew"
            with warnings.catch_warnings():
                warnings.simplefilter("always", StoreWarning)  # where warnings are errors, too: no answer depends on it
                warnings.warn(StoreWarning(text), stacklevel=3)
            return otherwise

    def _read(self, base: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        stale: list[str] = []
        now = int(time.time())
        for some in _slices(list(dict.fromkeys(keys))):
            marks = ", ".join("?" * len(some))
            rows = base.execute(f"SELECT key, value, used FROM entries WHERE key IN ({marks})", some)  # noqa: S608
            for name, value, used in rows:
                try:
                    found[name] = json.loads(value)
                except (TypeError, ValueError):  # somebody else's hand: as if it were not there
                    continue
                if now - int(used or 0) > _FRESH:
                    stale.append(name)
        if stale:
            base.executemany("UPDATE entries SET used = ? WHERE key = ?", [(now, name) for name in stale])
        return found

    def _write(self, base: sqlite3.Connection, entries: Mapping[str, Json]) -> None:
        now = int(time.time())
        rows = [(name, json.dumps(value, ensure_ascii=False), now) for name, value in entries.items()]
        base.execute("BEGIN IMMEDIATE")
        base.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)
        while _bytes(base) > self._limit:
            (count,) = base.execute("SELECT COUNT(*) FROM entries").fetchone()
            if not count:
                break
            oldest = "SELECT key FROM entries ORDER BY used LIMIT ?"
            base.execute(f"DELETE FROM entries WHERE key IN ({oldest})", (1 + count // 10,))  # noqa: S608
        base.execute("COMMIT")


@contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one piece of work, so that none is ever carried over a fork."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    with closing(sqlite3.connect(folder / NAME, timeout=_PATIENCE, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT, used INTEGER)")
        base.execute("CREATE INDEX IF NOT EXISTS by_use ON entries (used)")
        yield base


def _slices(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]


def _bytes(base: sqlite3.Connection) -> int:
    """What the entries take: pages of the file that are in use."""
    pages, free, size = (
        base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
