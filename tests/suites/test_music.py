"""The music suite's data: what every reader of its scores takes for granted."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from harness.calls.judge import Outcome, judge
from harness.calls.syntax import read, render_calls
from harness.failures.function_sets import lint
from harness.suites import Case, Suite, declares

ROOT = Path(__file__).parents[2] / "suites" / "music"
# Printed in the development notes that the suite grew from, type and all; they stay as they stand there.
GIVEN = {
    "play_song": {
        "type": "object",
        "properties": {
            "song_name": {"type": "string", "description": "Name of the song"},
            "artist": {"type": "string", "description": "Artist name (optional)"},
            "album": {"type": "string", "description": "Album name (optional)"},
        },
        "required": ["song_name"],
    },
    "playback_control": {
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": ["play", "pause", "skip", "next", "previous", "stop", "resume"]}
        },
        "required": ["action"],
    },
    "search_music": {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "Search query"},
            "type": {"type": "string", "enum": ["song", "artist", "album", "playlist", "genre"]},
        },
        "required": ["query"],
    },
    "create_playlist": {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "Playlist name"}},
        "required": ["name"],
    },
}


@pytest.fixture(scope="module")
def suite() -> Suite:
    return Suite.load(ROOT)


@pytest.fixture(scope="module")
def cases(suite: Suite) -> tuple[Case, ...]:
    return suite.cases()


@pytest.fixture(scope="module")
def rows(suite: Suite) -> tuple[Case, ...]:
    return suite.training_rows(suite.stages[-1])


def folded(text: str) -> str:
    """Letters and digits only, in one case: what two requests are compared by."""
    return " ".join(re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).split())


def free_text(suite: Suite, case: Case) -> set[str]:
    """The values that a case's free-text arguments may have, folded."""
    values = set()
    for call in case.expected:
        function = suite.functions.get(call.name)
        assert function is not None
        for name, expected in call.arguments.items():
            schema = function.properties[name]
            if schema["type"] == "string" and "enum" not in schema:
                values |= {folded(str(value)) for value in expected.accepted}
    return values


def test_the_stages_grow_to_eighteen_functions(suite: Suite) -> None:
    assert [len(stage.functions.names) for stage in suite.stages] == [2, 4, 8, 18]
    assert [stage.floor for stage in suite.stages] == [1.00, 0.95, 0.95, 0.90]
    for smaller, larger in zip(suite.stages, suite.stages[1:], strict=False):
        assert set(smaller.functions.names) < set(larger.functions.names)


def test_the_four_given_functions_stand_word_for_word() -> None:
    tools = {tool["function"]["name"]: tool["function"] for tool in json.loads((ROOT / "functions.json").read_text())}
    assert {name: tools[name]["parameters"] for name in GIVEN} == GIVEN


def test_what_the_template_would_drop_is_acknowledged(suite: Suite) -> None:
    warned = {(f.code, f.where) for f in lint(suite.functions) if f.severity != "note"}
    assert (
        warned == {(a.code, a.where) for a in suite.acknowledged} == {("reserved_parameter_name", "search_music.type")}
    )


def test_there_are_enough_cases(suite: Suite, cases: tuple[Case, ...]) -> None:
    single = Counter(case.expected[0].name for case in cases if len(case.expected) == 1)
    assert {name for name in suite.functions.names if single[name] < 14} == set()
    assert sum(not case.expected for case in cases) >= 30
    assert sum(len(case.expected) == 2 for case in cases) >= 20
    assert sum("seed" in case.tags for case in cases) == 8


def test_there_are_enough_training_rows(suite: Suite, rows: tuple[Case, ...]) -> None:
    single = Counter(row.expected[0].name for row in rows if len(row.expected) == 1)
    assert {name for name in suite.functions.names if single[name] < 25} == set()


def test_every_split_holds_every_function(suite: Suite, cases: tuple[Case, ...], rows: tuple[Case, ...]) -> None:
    for stage in suite.stages:
        for split in (cases, rows):
            held = [case for case in split if declares(stage, case)]
            assert {name for case in held for name in case.function_names} == set(stage.functions.names)
            assert any(not case.expected for case in held)
            assert any(len(case.expected) == 2 for case in held)


def test_no_case_is_a_training_row(cases: tuple[Case, ...], rows: tuple[Case, ...]) -> None:
    assert {folded(case.request) for case in cases} & {folded(row.request) for row in rows} == set()


def test_no_free_text_value_is_in_both(suite: Suite, cases: tuple[Case, ...], rows: tuple[Case, ...]) -> None:
    asked = {value for case in cases for value in free_text(suite, case)}
    taught = {value for row in rows for value in free_text(suite, row)}
    assert asked & taught == set()


def test_plain_cases_can_be_copied_from_the_request(suite: Suite, cases: tuple[Case, ...]) -> None:
    for case in cases:
        if not case.wild:
            assert {value for value in free_text(suite, case) if value not in folded(case.request)} == set(), case.id


def test_wild_cases_are_the_smaller_part(cases: tuple[Case, ...]) -> None:
    assert 0 < sum(case.wild for case in cases) < 0.3 * len(cases)


def test_every_example_is_its_own_right_answer(suite: Suite, cases: tuple[Case, ...], rows: tuple[Case, ...]) -> None:
    for case in (*cases, *rows):
        text = render_calls([call.example() for call in case.expected]) if case.expected else "Sorry.<end_of_turn>"
        assert judge(read(text), case.expected, suite.functions).outcome is Outcome.CORRECT, case.id
