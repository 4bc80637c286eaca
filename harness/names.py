"""The names of items, written and read in one place: pytest knows them as node ids, xdist only as texts."""

import re

IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
STAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
ACCURACY = "accuracy"
REGRESSION = "regression"

_CASE = re.compile(r"(?:(?P<root>.*)/)?cases/[^/]+\.jsonl::[^\[\]]+\[(?P<stage>[A-Za-z0-9_]+)-(?P<cell>[a-z0-9-]+)\]")
_GATE = re.compile(r"(?:(?P<root>.*)/)?stages\.toml::(?P<stage>[A-Za-z0-9_]+)-[a-z]+\[(?P<cell>[a-z0-9-]+)\]")


def case_name(case: str, stage: str, cell: str) -> str:
    """`bohemian-rhapsody[stage2-cpu-float32-merged]`."""
    return f"{case}[{stage}-{cell}]"


def gate_name(stage: str, gate: str, cell: str) -> str:
    """`stage2-accuracy[cpu-float32-merged]`."""
    return f"{stage}-{gate}[{cell}]"


def scope(node_id: str) -> str:
    """What one worker runs together: a stage on one device and dtype, so that the base is measured once.

    >>> scope("suites/music/cases/play_song.jsonl::yesterday[stage2-cpu-float32-merged]")
    'suites/music::stage2-cpu-float32'

    The node id itself for an item that is not ours.
    """
    found = _CASE.fullmatch(node_id) or _GATE.fullmatch(node_id)
    if found is None:
        return node_id
    cell, _, _ = found["cell"].rpartition("-")
    return f"{found['root'] or '.'}::{found['stage']}-{cell}"
