"""The store: values come back, the oldest go first, and neither a kill nor a damaged file does any harm."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from pathlib import Path
from random import Random

import pytest

from harness.models.store import NAME, Store, StoreWarning, key

BATCH = 7


def test_what_was_put_is_there_for_another_process_too(tmp_path: Path) -> None:
    Store(tmp_path / "s").put({"a": [1, "ü", None], "b": {"margin": float("inf")}})
    assert Store(tmp_path / "s").get(["b", "c", "a"]) == {"a": [1, "ü", None], "b": {"margin": float("inf")}}
    assert (tmp_path / "s" / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_more_keys_than_sqlite_takes_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put({str(n): n for n in range(2500)})
    assert store.get([str(n) for n in range(3000)]) == {str(n): n for n in range(2500)}


def test_nothing_is_made_before_it_is_used(tmp_path: Path) -> None:
    Store(tmp_path / "s").put({})
    assert Store(tmp_path / "s").get([]) == {}
    assert not (tmp_path / "s").exists()


def test_a_key_is_of_all_its_parts() -> None:
    parts = [["a", "b"], ["ab"], ["a", ["b"]], [None, "b"], [1, "b"]]
    assert len({key("completion", *some) for some in parts} | {key("prompt", "a", "b")}) == 6


def test_the_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = Store(tmp_path, limit=400_000), [0.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    for n in range(100):
        clock[0] = 100_000.0 * n
        store.put({str(n): "x" * 10_000})
        store.get(["0"])
    left = set(store.get([str(n) for n in range(100)]))
    assert {"0", "99"} <= left
    assert "1" not in left
    assert 5 < len(left) < 40
    assert left - {"0"} == {str(n) for n in range(101 - len(left), 100)}
    assert (tmp_path / NAME).stat().st_size < 800_000


def test_a_value_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=100_000)
    store.put({"small": "x", "large": "x" * 300_000})
    assert "large" not in store.get(["large"])


@pytest.mark.parametrize("damage", ["no database", "a folder's file", "full"])
def test_a_store_that_cannot_be_used_is_told_once_and_done_without(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "s"
    if damage == "no database":
        folder.mkdir()
        (folder / NAME).write_bytes(b"no database at all" * 100)
    elif damage == "a folder's file":
        folder.write_text("", encoding="utf-8")
    else:

        def full(*_: object, **__: object) -> sqlite3.Connection:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(sqlite3, "connect", full)
    store = Store(folder)
    with pytest.warns(StoreWarning, match="the store cannot be used: .*; everything is computed anew"):
        store.put({"a": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.put({"a": 1})
        assert store.get(["a"]) == {}


def test_a_value_that_is_no_json_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put({"a": 1, "b": 2})
    with sqlite3.connect(tmp_path / NAME) as base:
        base.execute("UPDATE entries SET value = 'not json' WHERE key = 'a'")
    base.close()
    assert store.get(["a", "b"]) == {"b": 2}


def write(folder: Path, writer: int) -> None:
    store = Store(folder)
    for n in range(40):
        store.put({f"{writer}-{n}": n, "shared": writer})


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(tmp_path, writer)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    found = Store(tmp_path).get([f"{writer}-{n}" for writer in range(4) for n in range(40)] + ["shared"])
    assert len(found) == 161


ENDLESS = f"""
import itertools, sys
from pathlib import Path
from harness.models.store import Store
store = Store(Path(sys.argv[1]))
for number in itertools.count():
    store.put({{f"{{number}}-{{part}}": "x" * 2000 for part in range({BATCH})}})
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_loses_at_most_the_batch_in_flight(tmp_path: Path) -> None:
    rng = Random(20)
    for turn in range(20):
        folder = tmp_path / str(turn)
        with subprocess.Popen(  # the store's own code and nothing else
            [sys.executable, "-c", ENDLESS, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
            told = 1 + process.stdout.read().count("\n")
        store = Store(folder)
        parts = [f"{number}-{part}" for number in range(told + 2) for part in range(BATCH)]
        found = store.get(parts)
        kept = [sum(f"{number}-{part}" in found for part in range(BATCH)) for number in range(told + 2)]
        assert kept[:told] == [BATCH] * told
        assert set(kept[told:]) <= {0, BATCH}
        store.put({"next": 1})
        assert store.get(["next"]) == {"next": 1}
