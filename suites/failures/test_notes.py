"""What the development notes say of their libraries, tried on the libraries (issues 4 and 5 of the notes)."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.models.loading import load_tokenizer
from trainer.dataset import build_rows
from trainer.faults import LIBRARY_LENGTH

from .as_loaded import base_model
from .workshop import BASE, Made, Workshop

if TYPE_CHECKING:
    from trl.trainer.sft_config import SFTConfig

pytestmark = pytest.mark.failures


@pytest.fixture
def quiet() -> Iterator[None]:
    """SFTTrainer warns of what has nothing to do with these trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def untrained(workshop: Workshop, tmp_path: Path) -> Made:
    """A base and a stage, and no candidate."""
    return Made(folder=tmp_path, base=BASE, suite=workshop.suite, stage="stage2")


def settings(folder: Path, **more: Any) -> "SFTConfig":
    from trl.trainer.sft_config import SFTConfig

    return SFTConfig(
        output_dir=str(folder), report_to="none", use_cpu=True, bf16=False, activation_checkpointing=False, **more
    )


def test_max_seq_length_is_called_max_length_and_cuts_by_default(tmp_path: Path) -> None:
    """Issue 4: it was not removed but renamed, and leaving it out is not the same as having none."""
    with pytest.raises(TypeError, match="max_seq_length"):
        settings(tmp_path, max_seq_length=2048)
    assert settings(tmp_path).max_length == LIBRARY_LENGTH


@pytest.mark.usefixtures("quiet")
def test_the_tokenizer_is_the_processing_class(tmp_path: Path, untrained: Made) -> None:
    """Issue 4: so it is."""
    from trl.trainer.sft_trainer import SFTTrainer

    given: Any = {"tokenizer": load_tokenizer(untrained.base)}
    with pytest.raises(TypeError, match="tokenizer"):
        SFTTrainer(model=base_model(untrained), args=settings(tmp_path), **given)


@pytest.mark.usefixtures("quiet")
def test_a_formatting_func_changes_nothing_for_a_column_of_text(tmp_path: Path, untrained: Made) -> None:
    """Issue 5: with and without it the same tokens are trained on."""
    stage = untrained.suite.stage(untrained.stage)
    texts = [row.text for row in build_rows(load_tokenizer(untrained.base), untrained.suite, stage, "No.")[:4]]
    with_it = tokens(untrained, texts, tmp_path, formatting_func=lambda row: row["text"])
    assert tokens(untrained, texts, tmp_path) == with_it


def tokens(made: Made, texts: list[str], folder: Path, **more: Any) -> list[list[int]]:
    from datasets import Dataset
    from trl.trainer.sft_trainer import SFTTrainer

    loop = SFTTrainer(
        model=base_model(made),
        args=settings(folder),
        train_dataset=Dataset.from_dict({"text": texts}),
        processing_class=load_tokenizer(made.base),
        **more,
    )
    return [list(ids) for ids in loop.train_dataset["input_ids"]]
