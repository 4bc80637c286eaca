"""Recipes: what the shipped ones say, and that every mistake in one is named with its file and line."""

from pathlib import Path

import pytest

from harness.errors import DataError
from trainer.recipe import RECIPES, SEVEN_MODULES, Packing, Recipe, Schedule, read_settings, recipe_path


def test_the_notes_recipe_is_the_notes() -> None:
    recipe = Recipe(**read_settings(recipe_path("notes"), "stage2"))  # type: ignore[arg-type]
    assert (recipe.r, recipe.alpha, recipe.dropout, recipe.epochs) == (16, 32, 0.05, 5)
    assert (recipe.batch_size, recipe.accumulation, recipe.learning_rate) == (2, 4, 2e-4)
    assert recipe.target_modules == list(SEVEN_MODULES)
    assert recipe.max_length == 0
    assert recipe.packing is Packing.NONE
    assert not recipe.completion_only


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("stage", ["stage1", "stage4"])
def test_shipped_recipes_are_valid(path: Path, stage: str) -> None:
    recipe = Recipe(**read_settings(path, stage))  # type: ignore[arg-type]
    assert recipe.schedule in Schedule


def test_stage_settings_win(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("stages:\n  stage1: {epochs: 9}\nepochs: 2\n", encoding="utf-8")
    assert read_settings(path, "stage1") == {"epochs": 9.0}
    assert read_settings(path, "stage2") == {"epochs": 2.0}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("r: 8\nrnak: 4\n", 2, "unknown recipe key 'rnak'"),
        ("r: eight\n", 1, "takes an integer, found 'eight'"),
        ("r: true\n", 1, "takes an integer, found True"),
        ("r: 0\n", 1, "r is out of range: 0"),
        ("# why\nlearning_rate: 2\n", 2, "learning_rate is out of range"),
        ("epochs: null\n", 1, "takes a number"),
        ("packing: tight\n", 1, "'tight' is not a valid Packing"),
        ("target_modules: [q_proj, 3]\n", 1, "takes a list of names"),
        ("target_modules: []\n", 1, "target_modules is out of range"),
        ("no_call_reply: ''\n", 1, "no_call_reply is out of range"),
        ("r: 8\nr: 9\n", 2, "key 'r' is repeated"),
        ("- r\n", 1, "expected `key: value` lines"),
        ("stages: 3\n", 1, "expected `key: value` lines"),
        ("stages:\n  stage9:\n    epocs: 3\n", 3, "unknown recipe key 'epocs'"),
        ("r: [\n", 2, "not YAML"),
        ("r: !!python/object/apply:os.system ['true']\n", 1, "takes an integer"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_settings(path, "stage1")
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert message in str(error.value)


def test_empty_unreadable_and_missing(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(DataError, match="empty"):
        read_settings(empty, "stage1")
    empty.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError):
        read_settings(empty, "stage1")
    with pytest.raises(DataError, match="one of: default, notes"):
        recipe_path("nowhere")
