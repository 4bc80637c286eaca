"""The engine's tokens are those of `generate`, one prompt at a time: whatever the draft, the batch, the window."""

from collections.abc import Sequence

import pytest

from harness.models.matrix import DType, Form

from .subjects import STAGES, Row, Subjects, spoilt

pytestmark = pytest.mark.equivalence

DRAFTS = ("right", "half right", "wrong", "absent", "mixed")
BATCHES = (1, 2, 7, 32)
WINDOW = 512  # tokens, of FunctionGemma and of the embedded base
# In 16 bits two orders of summing may round a logit differently. At 16 to 32, as large as the highest ones are,
# neighbours are 1/8 apart in bfloat16 and 1/64 in float16: a choice between two that are no further apart than twice
# that may fall either way.
TOLERANCE = {DType.BFLOAT16: 1 / 4, DType.FLOAT16: 1 / 32}


def drafts(rows: Sequence[Row], kind: str) -> list[Row | None]:
    kinds: dict[str, Sequence[Row | None]] = {
        "right": rows,
        "half right": spoilt(rows, 0.5),
        "wrong": spoilt(rows, 0.0),
        "absent": [None] * len(rows),
    }
    if kind == "mixed":
        return [list(kinds.values())[index % len(kinds)][index] for index in range(len(rows))]
    return list(kinds[kind])


@pytest.mark.parametrize("batch_size", BATCHES)
@pytest.mark.parametrize("kind", DRAFTS)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("stage", STAGES)
def test_engine_is_generate(subjects: Subjects, stage: str, form: Form, kind: str, batch_size: int) -> None:
    same(subjects, stage, form, kind, batch_size)


@pytest.mark.parametrize("kind", DRAFTS)
@pytest.mark.parametrize("form", Form)
def test_engine_is_generate_under_a_narrow_window(narrow: Subjects, form: Form, kind: str) -> None:
    same(narrow, "stage2", form, kind, batch_size=7)


def test_the_stages_lie_on_both_sides_of_the_window(subjects: Subjects) -> None:
    lengths = [len(prompt.ids) for stage in ("stage1", "stage4") for prompt in subjects.prompts(stage)]
    assert min(lengths) < WINDOW < max(lengths)


def test_the_candidate_answers_unlike_its_base(subjects: Subjects) -> None:
    """Or adapter and merged would be compared in name only."""
    assert subjects.written("stage4", Form.ADAPTER) != subjects.written("stage4", Form.BASE)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_in_16_bits_they_part_only_where_the_choice_is_close(subjects: Subjects, dtype: DType, form: Form) -> None:
    for stage in ("stage1", "stage4"):
        expected = subjects.written(stage, form, dtype)
        done = subjects.engine(form, dtype).complete(subjects.prompts(stage), [row.tokens for row in expected])
        for row, completion in zip(expected, done, strict=True):
            pairs = zip(row.tokens, completion.token_ids, row.margins, strict=False)
            margin = next((margin for token, other, margin in pairs if token != other), 0.0)
            assert margin <= TOLERANCE[dtype], (stage, row.tokens, completion.token_ids)


def same(subjects: Subjects, stage: str, form: Form, kind: str, batch_size: int) -> None:
    expected = [row.tokens for row in subjects.written(stage, form)]
    engine = subjects.engine(form, batch_size=batch_size)
    done = engine.complete(subjects.prompts(stage), drafts(expected, kind))
    assert [completion.token_ids for completion in done] == expected
