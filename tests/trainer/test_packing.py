"""Rows packed behind their shared prefix teach what padded rows teach: the same loss and the same gradient."""

from typing import Any

import pytest
import torch

from tests.models.tiny import tiny_model
from trainer.dataset import IGNORED
from trainer.packing import Example, PaddedBatch, SharedPrefixBatch, call_mask, read_segments

CALL = 48
PREFIX = [2, *range(110, 150)]


def row(request: list[int], answer: list[int]) -> Example:
    prompt = [*PREFIX, *request]
    return {"input_ids": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}


ROWS = [
    row([200, 201, 202], [CALL, 210, 211, 49, 50]),
    row([200], [212, 213, 106]),
    row(list(range(220, 245)), [CALL, 214, 49, CALL, 215, 216, 49, 50]),
]


def loss_and_gradients(batch: dict[str, torch.Tensor]) -> tuple[float, list[torch.Tensor]]:
    model: Any = tiny_model()
    labels, _ = batch.pop("labels"), batch.pop("call_mask")
    wanted = batch.pop("shift_labels", labels[:, 1:])
    if "segment_ids" in batch:
        read_segments(model)
        logits = model(**batch).logits
    else:
        logits = model(**batch).logits[:, :-1]
    loss: Any = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)
    loss.backward()
    return loss.item(), [weight.grad for weight in model.parameters()]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [ROWS[0], ROWS[0]]], ids=["three", "one", "twins"])
def test_same_loss_and_gradient_as_padded_rows(rows: list[Example]) -> None:
    loss, gradients = loss_and_gradients(PaddedBatch(0, CALL)(rows))
    packed_loss, packed_gradients = loss_and_gradients(SharedPrefixBatch(CALL)(rows))
    assert packed_loss == pytest.approx(loss, rel=1e-5)
    for gradient, packed in zip(gradients, packed_gradients, strict=True):
        torch.testing.assert_close(packed, gradient, rtol=1e-3, atol=1e-5)


def test_layout_of_a_packed_batch() -> None:
    batch = SharedPrefixBatch(CALL)([row([200, 201], [CALL, 50]), row([202], [7, 106])])
    assert batch["input_ids"].tolist() == [[*PREFIX, 200, 201, CALL, 50, 202, 7, 106]]
    assert batch["segment_ids"][0, len(PREFIX) :].tolist() == [1, 1, 1, 1, 2, 2, 2]
    assert batch["position_ids"][0, len(PREFIX) :].tolist() == [41, 42, 43, 44, 41, 42, 43]
    assert batch["labels"][0, len(PREFIX) :].tolist() == [IGNORED, IGNORED, CALL, 50, IGNORED, 7, 106]
    assert (batch["scored_ids"][0] - len(PREFIX)).tolist() == [1, 2, 4, 5]
    assert batch["shift_labels"].tolist() == [[CALL, 50, 7, 106]]
    assert batch["call_mask"].tolist() == [[1, 1, 0, 0]]


def test_no_segment_begins_with_a_supervised_token() -> None:
    same = row([200], [CALL, 210, 50])
    other = row([200], [CALL, 211, 50])
    batch = SharedPrefixBatch(CALL)([same, other])
    starts = batch["segment_ids"][0].diff().nonzero()[:, 0] + 1
    assert batch["labels"][0, starts].tolist() == [IGNORED, IGNORED]


def test_call_mask() -> None:
    assert call_mask([IGNORED, 5, CALL, 7], CALL) == [0, 0, 1, 1]
    assert call_mask([IGNORED, 5, 6], CALL) == [0, 0, 0]
