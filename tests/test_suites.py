"""Suites: what a stage runs and learns from, and the mistakes in `stages.toml`."""

import json
from pathlib import Path

import pytest

from harness.calls.prompt import DEVELOPER_SENTENCE
from harness.errors import DataError
from harness.suites import Suite
from tests.plugin.fake import CASES, STAGES, write_suite


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite.load(write_suite(tmp_path / "toy"))


def test_a_suite_reads_its_stages_in_order(suite: Suite) -> None:
    assert [(stage.name, stage.functions.names, stage.floor, stage.index) for stage in suite.stages] == [
        ("stage1", ("play",), 0.75, 0),
        ("stage2", ("play", "find"), 0.75, 1),
    ]
    assert (suite.name, suite.developer, suite.acknowledged) == ("toy", DEVELOPER_SENTENCE, ())


def test_a_case_knows_its_line_and_its_tags(suite: Suite) -> None:
    odd = next(case for case in suite.cases() if case.id == "odd")
    assert (odd.path.name, odd.line, odd.wild, odd.must_pass, odd.function_names) == (
        "play.jsonl",
        3,
        True,
        False,
        frozenset({"play"}),
    )


def test_a_stage_runs_the_cases_it_declares_and_those_without_a_call(suite: Suite) -> None:
    ids = {stage.name: [case.id for case in suite.cases_of(stage)] for stage in suite.stages}
    assert ids == {
        "stage1": ["rain", "cake", "one", "two", "odd"],
        "stage2": ["find-one", "rain", "cake", "one", "two", "odd"],
    }


def test_training_rows_are_chosen_as_cases_are(suite: Suite) -> None:
    (suite.root / "train").mkdir()
    rows = [*CASES["play"], *CASES["find"], *CASES["no_call"]]
    (suite.root / "train" / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert [row.id for row in suite.training_rows(suite.stage("stage1"))] == ["one", "two", "odd", "rain", "cake"]


def test_an_unknown_stage_lists_those_there_are(suite: Suite) -> None:
    with pytest.raises(DataError, match=r"stages\.toml: unknown stage 'stage9'; name one of: stage1, stage2$"):
        suite.stage("stage9")


def test_a_link_out_of_the_suite_is_refused(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "outside.jsonl").write_text("{}", encoding="utf-8")
    (suite.root / "cases" / "zoo.jsonl").symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(DataError, match=r"zoo\.jsonl: the path leads out of the suite's folder"):
        suite.case_files()


BAD_STAGES = {
    "no stages": ('suite = "toy"', r"toml: the suite is empty: it has no stages; write"),
    "no name": (STAGES.replace('suite = "toy"', ""), r"toml: suite must be the suite's name"),
    "name no word": (STAGES.replace('"toy"', '"a toy"'), r"toml:1: suite must be the suite's name"),
    "unknown key": (f"colour = 1\n{STAGES}", r"toml:1: unknown key 'colour'"),
    "unknown stage key": (STAGES + "ceiling = 1\n", r"toml:10: unknown key 'ceiling' in stage stage2"),
    "developer": (f"developer = 1\n{STAGES}", r"toml:1: developer must be"),
    "undeclared": (STAGES.replace('"find"', '"sing"'), r"toml:7: function 'sing' is not in functions\.json"),
    "shrinking": (STAGES.replace('"play", "find"', '"find"'), r"toml:7: stage stage2 drops 'play'"),
    "twice": (STAGES.replace('"find"', '"play"'), r"toml:7: stage stage2 names a function twice"),
    "no functions": (STAGES.replace('["play"]', "[]"), r"toml:3: stage stage1 declares no functions"),
    "no text": (STAGES.replace('["play"]', "[1]"), r"toml:3: stage stage1 holds a function that is no name"),
    "floor": (STAGES.replace("0.75", "75"), r"toml:3: the floor of stage stage1 must be a share"),
    "floor true": (STAGES.replace("0.75", "true"), r"toml:3: the floor of stage stage1 must be a share"),
    "stage name": (STAGES.replace("stage2", '"stage-2"'), r"'stage-2' is no stage name"),
    "no table": ('suite = "toy"\n[stages]\nstage1 = 1\n', r"toml:3: stage stage1 must be a table"),
    "acknowledged": ("acknowledged = 1\n" + STAGES, r"toml:1: acknowledged must be a list of tables"),
    "no reason": (STAGES + '[[acknowledged]]\ncode = "x"\nwhere = "y"\n', r"toml:10: an acknowledged finding needs"),
    "broken": ("suite = ", r"toml:1: not TOML"),
}


@pytest.mark.parametrize(("text", "message"), BAD_STAGES.values(), ids=BAD_STAGES.keys())
def test_a_bad_stages_file_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    write_suite(tmp_path / "toy", stages=text)
    with pytest.raises(DataError, match=message):
        Suite.load(tmp_path / "toy")


def test_stages_that_are_not_utf8(tmp_path: Path) -> None:
    write_suite(tmp_path / "toy")
    (tmp_path / "toy" / "stages.toml").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"stages\.toml: cannot be read"):
        Suite.load(tmp_path / "toy")


def test_the_music_suite_loads() -> None:
    root = Path(__file__).parents[1] / "suites" / "music"
    suite = Suite.load(root)
    assert [len(stage.functions.names) for stage in suite.stages] == [2, 4, 8, 18]
    for stage in suite.stages:
        assert suite.cases_of(stage)
        assert suite.training_rows(stage)
