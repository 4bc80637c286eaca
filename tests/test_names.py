"""Names of items and the scopes read from them."""

import pytest

from harness.names import case_name, gate_name, scope

CELL = "cpu-float32-merged"


def test_a_case_and_its_gate_share_a_scope_over_the_forms() -> None:
    ids = [
        f"suites/music/cases/play_song.jsonl::{case_name('a-b.c_1', 'stage2', 'cpu-float32-adapter')}",
        f"suites/music/cases/no_call.jsonl::{case_name('rain', 'stage2', CELL)}",
        f"suites/music/stages.toml::{gate_name('stage2', 'accuracy', CELL)}",
    ]
    assert {scope(node_id) for node_id in ids} == {"suites/music::stage2-cpu-float32"}


def test_a_suite_may_be_the_root_itself() -> None:
    assert (
        scope(f"cases/a.jsonl::x[stage1-{CELL}]")
        == scope(f"stages.toml::stage1-accuracy[{CELL}]")
        == ".::stage1-cpu-float32"
    )


@pytest.mark.parametrize(
    "node_id",
    [
        "tests/test_names.py::test_x[stage1-cpu-float32-merged]",
        "tests/a.py::test",
        "a/cases/b.jsonl::c",
        "stages.toml::x[y]",
    ],
)
def test_any_other_item_is_a_scope_of_its_own(node_id: str) -> None:
    assert scope(node_id) == node_id


def test_other_stages_dtypes_and_suites_are_other_scopes() -> None:
    ids = [
        f"suites/{suite}/cases/a.jsonl::{case_name('x', stage, f'cpu-{dtype}-merged')}"
        for suite in ("music", "home")
        for stage in ("stage1", "stage2")
        for dtype in ("float32", "float16")
    ]
    assert len({scope(node_id) for node_id in ids}) == 8
