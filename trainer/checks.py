"""Checks of the training rows before a step is taken: faults that no loss curve shows, since all of them train well."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.calls.prompt import build_prompt
from harness.calls.syntax import Call, read
from harness.calls.tokens import TERMINATORS, Token
from harness.errors import DataError
from harness.failures.catalogue import CATALOGUE, Code
from harness.failures.function_sets import lint
from harness.failures.prompts import check_prompt
from harness.files import canonical_json
from harness.findings import Finding, Severity
from harness.jsontypes import Json
from harness.stages import Stage
from harness.suites import Suite
from trainer.dataset import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class RowCheck:
    """One thing that may be wrong with a row: `shows` gives the evidence for a bad row, None for a good one."""

    code: Code
    shows: Callable[[Row], str | None]

    def findings(self, rows: Iterable[Row]) -> tuple[Finding, ...]:
        """One finding for all the bad rows together, at the first of them."""
        bad = [(row, text) for row in rows if (text := self.shows(row)) is not None]
        if not bad:
            return ()
        row, text = bad[0]
        more = f" (and {len(bad) - 1} rows more)" if len(bad) > 1 else ""
        return (CATALOGUE[self.code].found(text + more, row.place),)


def check_rows(
    rows: Sequence[Row], suite: Suite, stage: Stage, tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> tuple[Finding, ...]:
    """Everything found in the rows, the critical findings first; `max_length` is in tokens."""
    checks = (
        _truncation(rows, suite, stage, tokenizer, max_length),
        *_form_checks(tokenizer),
        _round_trip(tokenizer),
        _null_filling(),
        _undeclared(stage),
        _leak(suite),
        _duplicates(rows),
    )
    found = [finding for check in checks for finding in check.findings(rows)]
    found += lint(stage.functions)
    found += check_prompt(rows[0].prompt.text, stage.functions, developer=suite.developer)
    found += _single(rows, stage)
    found += _untrained(rows, stage)
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.CRITICAL))


def refuse_critical(findings: Sequence[Finding]) -> None:
    """Raise DataError with the first critical finding, if there is one."""
    if critical := _critical(findings):
        first = critical[0]
        more = f" (and {len(critical) - 1} critical findings more)" if len(critical) > 1 else ""
        what = f"{first.code}: {first.evidence}: {first.cause}{more}"
        raise DataError(what, path=first.where or None, remedy=first.remedy)


def trained_in(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The critical findings as they are to be told of a candidate that was trained in spite of them.

    Its score is honest all the same, and so they are warnings, unless the rows held the test.
    """
    return tuple(
        replace(
            finding,
            severity=Severity.CRITICAL if finding.code == Code.LEAKED_CASE else Severity.WARNING,
            evidence=f"trained in spite of it: {finding.evidence}",
        )
        for finding in _critical(findings)
    )


def _critical(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.CRITICAL]


def needed_length(rows: Sequence[Row]) -> int:
    """The tokens of the longest row: the `max_length` that cuts nothing."""
    return max(len(row.input_ids) for row in rows)


def _truncation(
    rows: Sequence[Row], suite: Suite, stage: Stage, tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> RowCheck:
    needed, fitting = needed_length(rows), len(stage.functions.names)
    if needed > max_length:
        fitting = _functions_that_fit(rows, suite, stage, tokenizer, max_length)

    def shows(row: Row) -> str | None:
        length = len(row.input_ids)
        if length <= max_length:
            return None
        start, count = len(row.prompt.ids), len(stage.functions.names)
        return (
            f"{length} tokens, the answer begins at {start}, max_length is {max_length}: "
            f"at most {fitting} of {count} functions fit, all rows need {needed}"
        )

    return RowCheck(Code.ROW_TRUNCATED, shows)


def _functions_that_fit(
    rows: Sequence[Row], suite: Suite, stage: Stage, tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> int:
    """How many of the stage's declarations, in their order, leave room for the longest request and answer."""
    longest = max(rows, key=lambda row: len(row.input_ids))
    for count in range(len(stage.functions.names), 0, -1):
        functions = stage.functions.subset(stage.functions.names[:count])
        prompt = build_prompt(tokenizer, functions, longest.case.request, developer=suite.developer)
        if len(prompt.ids) + len(longest.answer_ids) <= max_length:
            return count
    return 0


def _form_checks(tokenizer: "PreTrainedTokenizerBase") -> tuple[RowCheck, ...]:
    """What the ids of a row must look like."""
    vocabulary = tokenizer.get_vocab()
    bos = vocabulary[Token.BOS]
    stops = {vocabulary[token] for token in TERMINATORS}

    def bos_count(row: Row) -> str | None:
        count = row.input_ids.count(bos)
        good = count == 1 and row.input_ids[0] == bos
        return None if good else f"{count} {Token.BOS} tokens, one is expected, at the start"

    def other_beginning(row: Row) -> str | None:
        good = row.input_ids[: len(row.prompt.ids)] == row.prompt.ids
        return None if good else "the row does not begin with the ids of its prompt"

    def other_end(row: Row) -> str | None:
        good = len(row.answer_ids) > 1 and row.answer_ids[-1] in stops
        return None if good else f"the row ends in {tokenizer.decode(list(row.input_ids[-1:]))!r}"

    pad = vocabulary[Token.PAD]

    def pads(row: Row) -> str | None:
        count = row.answer_ids.count(pad)
        return f"{count} of {len(row.answer_ids)} labels are {Token.PAD}" if count else None

    return (
        RowCheck(Code.PAD_SUPERVISED, pads),
        RowCheck(Code.DOUBLE_BOS, bos_count),
        RowCheck(Code.PROMPT_NOT_PREFIX, other_beginning),
        RowCheck(Code.TERMINATOR_NOT_SUPERVISED, other_end),
    )


def _round_trip(tokenizer: "PreTrainedTokenizerBase") -> RowCheck:
    def shows(row: Row) -> str | None:
        text = str(tokenizer.decode(list(row.answer_ids), skip_special_tokens=False))
        reading = read(text)
        same = reading.problem is None and _plain(reading.calls) == _plain(row.calls)
        return None if same else f"{text!r} does not read back as {_plain(row.calls)}"

    return RowCheck(Code.CALL_NOT_READ_BACK, shows)


def _null_filling() -> RowCheck:
    def shows(row: Row) -> str | None:
        return next((f"{call.name} has an argument that is null" for call in row.calls if _has_null(call)), None)

    return RowCheck(Code.NULL_IN_ROW, shows)


def _has_null(call: Call) -> bool:
    level: list[Json] = list(call.arguments.values())
    while level:
        if any(value is None for value in level):
            return True
        level = [inner for value in level for inner in _inner(value)]
    return False


def _inner(value: Json) -> list[Json]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _undeclared(stage: Stage) -> RowCheck:
    def shows(row: Row) -> str | None:
        other = next((call.name for call in row.calls if call.name not in stage.functions.names), None)
        return None if other is None else f"the answer calls {other}, {stage.name} does not declare it"

    return RowCheck(Code.UNDECLARED_CALL, shows)


def _leak(suite: Suite) -> RowCheck:
    cases = {normalised(case.request): case.id for case in suite.cases()}

    def shows(row: Row) -> str | None:
        case = cases.get(normalised(row.case.request))
        return None if case is None else f"{row.case.request!r} is the test case {case!r}"

    return RowCheck(Code.LEAKED_CASE, shows)


def _duplicates(rows: Sequence[Row]) -> RowCheck:
    counts = Counter(normalised(row.case.request) for row in rows)

    def shows(row: Row) -> str | None:
        count = counts[normalised(row.case.request)]
        return f"{row.case.request!r} stands {count} times" if count > 1 else None

    return RowCheck(Code.DUPLICATE_ROW, shows)


def _single(rows: Sequence[Row], stage: Stage) -> tuple[Finding, ...]:
    called = {call.name for row in rows for call in row.calls}
    if len(called) != 1 or len(stage.functions.names) == 1:
        return ()
    evidence = f"all calls of {len(rows)} rows are of {min(called)}, {stage.name} declares {len(stage.functions.names)}"
    return (CATALOGUE[Code.SINGLE_FUNCTION].found(evidence),)


def _untrained(rows: Sequence[Row], stage: Stage) -> tuple[Finding, ...]:
    trained = {call.name for row in rows for call in row.calls}
    missing = [name for name in stage.functions.names if name not in trained]
    if not missing:
        return ()
    return (CATALOGUE[Code.UNTRAINED_FUNCTION].found(f"no training row calls {', '.join(missing)}"),)


def normalised(text: str) -> str:
    """A request without case, punctuation and spacing: two requests that agree so are one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(sign if sign.isalnum() else " " for sign in folded).split())


def _plain(calls: Iterable[Call]) -> str:
    return canonical_json([[call.name, dict(call.arguments)] for call in calls])
