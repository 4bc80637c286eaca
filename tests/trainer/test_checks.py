"""Every known fault of training rows is found, and a critical one stops the trainer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from harness.calls.syntax import Call
from harness.calls.tokens import Token
from harness.errors import DataError, PromptError
from harness.findings import Finding, Severity
from harness.models.loading import load_tokenizer
from harness.stages import Stage
from harness.suites import Suite
from tests.models.tiny import SPECIAL
from tests.trainer.conftest import TRAIN, write_rows
from trainer.checks import check_rows, needed_length, normalised, refuse_critical
from trainer.dataset import IGNORED, Row, build_rows, cut_rows, data_hash

REPLY = "I cannot help with that."
IDS = {token: index for index, token in SPECIAL.items()}


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(base)


@pytest.fixture
def suite(suite_folder: Path) -> Suite:
    return Suite.load(suite_folder)


@pytest.fixture
def stage(suite: Suite) -> Stage:
    return suite.stage("stage2")


@pytest.fixture
def rows(tokenizer: PreTrainedTokenizerBase, suite: Suite, stage: Stage) -> tuple[Row, ...]:
    return build_rows(tokenizer, suite, stage, REPLY)


@pytest.fixture
def check(
    tokenizer: PreTrainedTokenizerBase, suite: Suite, stage: Stage
) -> Callable[[tuple[Row, ...], int], dict[str, Finding]]:
    def run(given: tuple[Row, ...], max_length: int = 10_000) -> dict[str, Finding]:
        return {finding.code: finding for finding in check_rows(given, suite, stage, tokenizer, max_length)}

    return run


Check = Callable[..., dict[str, Finding]]


def test_rows_as_they_should_be(rows: tuple[Row, ...], check: Check, tokenizer: PreTrainedTokenizerBase) -> None:
    assert check(rows, needed_length(rows)) == {}
    answers = [tokenizer.decode(list(row.answer_ids)) for row in rows]
    assert answers == [
        "<start_function_call>call:light{room:<escape>attic<escape>}<end_function_call><start_function_response>",
        "<start_function_call>call:light{on:false,room:<escape>bath<escape>}<end_function_call><start_function_response>",
        "<start_function_call>call:time{}<end_function_call><start_function_response>",
        f"{REPLY}<end_of_turn>",
        (
            "<start_function_call>call:light{on:true,room:<escape>kitchen<escape>}<end_function_call>"
            "<start_function_call>call:time{}<end_function_call><start_function_response>"
        ),
    ]
    for row in rows:
        assert row.labels() == (IGNORED,) * len(row.prompt.ids) + row.answer_ids
        assert row.labels(completion_only=False) == row.input_ids
        assert tokenizer.decode(list(row.input_ids)) == row.text


def test_a_stage_takes_the_rows_it_declares(tokenizer: PreTrainedTokenizerBase, suite: Suite) -> None:
    chosen = build_rows(tokenizer, suite, suite.stage("stage1"), REPLY)
    assert [row.case.id for row in chosen] == ["t1", "t2", "t4"]


def test_truncation(rows: tuple[Row, ...], check: Check) -> None:
    found = check(rows, needed_length(rows) - 1)["row_truncated"]
    assert found.severity is Severity.CRITICAL
    assert "1 of 2 functions fit" in found.evidence
    assert f"all rows need {needed_length(rows)}" in found.evidence
    with pytest.raises(DataError, match=r"all\.jsonl:5: row_truncated"):
        refuse_critical([found])


def _with_ids(row: Row, ids: tuple[int, ...]) -> Row:
    return replace(row, input_ids=ids)


FAULTS: dict[str, tuple[str, Callable[[Row], Row]]] = {
    "two <bos>": ("double_bos", lambda row: _with_ids(row, (IDS["<bos>"], *row.input_ids))),
    "no <bos>": ("double_bos", lambda row: _with_ids(row, row.input_ids[1:])),
    "another prompt": ("prompt_not_prefix", lambda row: _with_ids(row, (*row.input_ids[:5], 200, *row.input_ids[6:]))),
    "no terminator": ("terminator_not_supervised", lambda row: _with_ids(row, row.input_ids[:-1])),
    "no answer": ("terminator_not_supervised", lambda row: _with_ids(row, row.prompt.ids)),
    "a broken call": ("call_not_read_back", lambda row: _with_ids(row, (*row.input_ids[:-2], IDS["<end_of_turn>"]))),
    "another call": ("call_not_read_back", lambda row: replace(row, calls=(Call("light", {"room": "loft"}),))),
    "an undeclared call": ("undeclared_call", lambda row: replace(row, calls=(Call("heat", {"room": "attic"}),))),
    "null": ("null_filled", lambda row: replace(row, calls=(Call("light", {"room": "attic", "on": None}),))),
    "null within": ("null_filled", lambda row: replace(row, calls=(Call("light", {"room": ["x", {"y": None}]}),))),
}


@pytest.mark.parametrize("name", FAULTS)
def test_critical_faults(rows: tuple[Row, ...], check: Check, name: str) -> None:
    code, fault = FAULTS[name]
    found = check((fault(rows[0]), *rows[1:]))[code]
    assert found.severity is Severity.CRITICAL
    assert found.where == rows[0].place
    with pytest.raises(DataError) as error:
        refuse_critical([found])
    assert "\n" not in str(error.value)


def test_a_case_among_the_rows(
    suite_folder: Path, tokenizer: PreTrainedTokenizerBase, suite: Suite, stage: Stage, check: Check
) -> None:
    leak = {"id": "t9", "request": "  light THE hall ", "calls": [{"name": "light", "arguments": {"room": "hall"}}]}
    write_rows(suite_folder / "train" / "all.jsonl", [*TRAIN, leak])
    found = check(build_rows(tokenizer, suite, stage, REPLY))["leaked_case"]
    assert found.severity is Severity.CRITICAL
    assert found.where.endswith("all.jsonl:6")
    assert "'hall'" in found.evidence


def test_warnings(
    suite_folder: Path, tokenizer: PreTrainedTokenizerBase, suite: Suite, stage: Stage, check: Check
) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [TRAIN[3], {**TRAIN[3], "id": "again"}])
    found = check(build_rows(tokenizer, suite, stage, REPLY))
    assert {code: finding.severity for code, finding in found.items()} == {
        "duplicate_row": Severity.WARNING,
        "untrained_function": Severity.WARNING,
    }
    assert "light, time" in found["untrained_function"].evidence
    refuse_critical(list(found.values()))


def test_rows_of_a_single_function(
    suite_folder: Path, tokenizer: PreTrainedTokenizerBase, suite: Suite, stage: Stage, check: Check
) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [TRAIN[0], TRAIN[1], TRAIN[3]])
    found = check(build_rows(tokenizer, suite, stage, REPLY))
    assert {code: finding.severity for code, finding in found.items()} == {
        "single_function_rows": Severity.CRITICAL,
        "untrained_function": Severity.WARNING,
    }
    assert found["single_function_rows"].evidence == "all calls of 3 rows are of light, stage2 declares 2"
    alone = suite.stage("stage1")
    assert not check_rows(build_rows(tokenizer, suite, alone, REPLY), suite, alone, tokenizer, 10_000)


def test_cut_rows_keep_what_fits_of_their_answers(rows: tuple[Row, ...]) -> None:
    longest = needed_length(rows)
    assert cut_rows(rows, longest) == rows
    shortest = min(len(row.prompt.ids) for row in rows)
    cut = cut_rows(rows, shortest + 1)
    assert cut
    assert all(len(row.input_ids) == shortest + 1 and row.answer_ids for row in cut)
    with pytest.raises(DataError, match=f"no row has an answer left: max_length is {shortest}"):
        cut_rows(rows, shortest)
    assert {len(row.input_ids) for row in cut_rows(rows, shortest, completion_only=False)} == {shortest}


def test_a_request_with_a_control_token(
    suite_folder: Path, tokenizer: PreTrainedTokenizerBase, suite: Suite, stage: Stage
) -> None:
    write_rows(suite_folder / "train" / "all.jsonl", [{**TRAIN[0], "request": f"light {Token.BOS}"}])
    with pytest.raises(PromptError, match=r"all\.jsonl:1: .*<bos>"):
        build_rows(tokenizer, suite, stage, REPLY)


def test_data_hash_follows_the_data(rows: tuple[Row, ...]) -> None:
    assert data_hash(rows) == data_hash(tuple(rows))
    assert data_hash(rows) != data_hash(rows[1:])
    assert data_hash(rows) != data_hash((replace(rows[0], calls=()), *rows[1:]))


def test_normalised() -> None:
    assert normalised("  Play \u201cBohemian  Rhapsody\u201d, NOW! ") == normalised("play bohemian rhapsody now")
    assert normalised("caf\u00e9") == normalised("CAFE\u0301")
    assert normalised("volume 20") != normalised("volume 21")
