"""The judge: an output against the calls its case expects, every error named, junk never taken for a refusal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.calls.expected import AnyOf, Exactly, ExpectedCall, ExpectedValue, expected_call
from harness.calls.functions import FunctionSet
from harness.calls.grammar import Call
from harness.calls.matching import argument_errors
from harness.calls.syntax import Problem, Reading
from harness.calls.verdicts import CallError, ErrorCode, Outcome, Verdict
from harness.files import canonical_json
from harness.jsontypes import Json

__all__ = [
    "AnyOf",
    "CallError",
    "ErrorCode",
    "Exactly",
    "ExpectedCall",
    "ExpectedValue",
    "Outcome",
    "Verdict",
    "expected_call",
    "judge",
]

_OTHER_FUNCTION = 1_000_000
"""The cost of pairing calls of different functions: above what any number of argument errors can add up to."""

_OUTCOMES: Mapping[Problem, Outcome] = {
    Problem.TRUNCATED: Outcome.MALFORMED,
    Problem.MALFORMED: Outcome.MALFORMED,
    Problem.JUNK: Outcome.JUNK,
    Problem.EMPTY: Outcome.JUNK,
    Problem.PAD_ONLY: Outcome.JUNK,
    Problem.SCHEMA_ECHO: Outcome.JUNK,
}


def judge(reading: Reading, expected: Sequence[ExpectedCall], functions: FunctionSet) -> Verdict:
    """The verdict on one output.

    An output with a problem is malformed or junk whatever calls were read before it. Otherwise parallel calls are
    paired with the expected ones so that the errors are fewest, in whatever order they were made.
    """
    if reading.problem is not None:
        # The codes for broken outputs are the reader's own, under the same names.
        code = ErrorCode(reading.problem.value)
        return Verdict(_OUTCOMES[reading.problem], (CallError(code=code, got=reading.detail),))
    errors = (*_duplicates(reading), *_call_errors(reading.calls, expected, functions))
    ordered = tuple(sorted(errors, key=_place))
    return Verdict(_outcome(reading.calls, expected, ordered), ordered)


def _outcome(calls: Sequence[Call], expected: Sequence[ExpectedCall], errors: Sequence[CallError]) -> Outcome:
    if not errors:
        return Outcome.CORRECT
    if not expected:
        return Outcome.UNEXPECTED_CALL
    return Outcome.WRONG if calls else Outcome.ABSTAINED


def _place(error: CallError) -> tuple[bool, int]:
    return (error.call is None, error.call or 0)


def _duplicates(reading: Reading) -> Iterator[CallError]:
    for duplicate in reading.duplicate_keys:
        yield CallError(code=ErrorCode.DUPLICATE_ARGUMENT, call=duplicate.call, argument=duplicate.argument)


def _call_errors(
    calls: Sequence[Call], expected: Sequence[ExpectedCall], functions: FunctionSet
) -> Iterator[CallError]:
    # Both sides in one fixed order: then ties are broken alike in whatever order the model made the calls.
    made = sorted(range(len(calls)), key=lambda index: canonical_json(_json(calls[index])))
    wanted = sorted(expected, key=lambda call: canonical_json(call.json()))
    errors = [[_pair_errors(calls[index], call, functions) for call in wanted] for index in made]
    pairs = _assign([[_cost(cell) for cell in row] for row in errors])
    for row, index in enumerate(made):
        column = pairs.get(row)
        found = _extra_call(calls[index], functions) if column is None else errors[row][column]
        yield from (replace(error, call=index) for error in found)
    paired = set(pairs.values())
    for column, call in enumerate(wanted):
        if column not in paired:
            yield CallError(code=ErrorCode.MISSING_CALL, expected=call.json())


def _pair_errors(call: Call, expected: ExpectedCall, functions: FunctionSet) -> tuple[CallError, ...]:
    function = functions.get(call.name)
    if function is None:
        return (CallError(code=ErrorCode.UNKNOWN_FUNCTION, expected=expected.name, got=call.name),)
    if call.name != expected.name:
        return (CallError(code=ErrorCode.WRONG_FUNCTION, expected=expected.name, got=call.name),)
    return tuple(argument_errors(call.arguments, expected.arguments, function.parameters))


def _extra_call(call: Call, functions: FunctionSet) -> tuple[CallError, ...]:
    extra = CallError(code=ErrorCode.EXTRA_CALL, got=_json(call))
    if functions.get(call.name) is not None:
        return (extra,)
    return (CallError(code=ErrorCode.UNKNOWN_FUNCTION, got=call.name), extra)


def _cost(errors: Sequence[CallError]) -> int:
    other = any(error.code in (ErrorCode.UNKNOWN_FUNCTION, ErrorCode.WRONG_FUNCTION) for error in errors)
    return _OTHER_FUNCTION if other else len(errors)


def _assign(costs: Sequence[Sequence[int]]) -> dict[int, int]:
    """Rows paired with columns, as many as the shorter side has, at the least total cost."""
    if not costs or not costs[0]:
        return {}
    if len(costs[0]) == 1:
        return {min(range(len(costs)), key=lambda row: costs[row][0]): 0}
    if len(costs) == 1:
        return {0: min(range(len(costs[0])), key=costs[0].__getitem__)}
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # it ships no types

    rows, columns = linear_sum_assignment(costs)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True)}


def _json(call: Call) -> Json:
    return {"name": call.name, "arguments": dict(call.arguments)}
