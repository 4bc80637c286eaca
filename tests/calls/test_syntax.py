"""The reader and the writer of calls: what is written is read back the same, and no text makes the reader raise."""

import json
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.calls.syntax import Call, DuplicateKey, Problem, Reading, read, render_call, render_calls
from harness.calls.tokens import Token
from harness.jsontypes import Json
from tests.calls import strategies

START, END, STOP = Token.START_CALL.value, Token.END_CALL.value, Token.START_RESPONSE.value


def one(body: str) -> str:
    """A whole answer that holds one call with this body."""
    return f"{START}{body}{END}{STOP}"


def spelled(calls: tuple[Call, ...]) -> str:
    """Calls spelled so that 1, 1.0 and true differ, as they do not for Python's `==`."""
    return json.dumps([[call.name, call.arguments] for call in calls], sort_keys=True)


@given(st.lists(strategies.calls, min_size=1, max_size=3))
def test_calls_written_are_read_back_the_same(calls: list[Call]) -> None:
    reading = read(render_calls(calls))
    assert spelled(reading.calls) == spelled(tuple(calls))
    assert (reading.problem, reading.text, reading.duplicate_keys) == (None, "", ())


@given(strategies.calls, strategies.strings)
def test_prose_may_stand_before_a_call_and_nowhere_else(call: Call, prose: str) -> None:
    clean = "".join(character for character in prose if character not in "<:")
    assert read(clean + render_calls([call])) == Reading(calls=(call,), text=clean.strip())
    if clean.strip():
        assert read(render_call(call) + clean).problem is Problem.JUNK


@given(st.text() | strategies.near_calls, st.booleans())
@example(f"{START}call:{{}}{END}", True)
@example(f"{START}call:f{{a:" + "[" * 100_000, True)
@example(f"{START}call:f{{a:" + "{a:" * 100_000, True)
@example(f"{START}call:f{{a:{'9' * 100_000}}}{END}", True)
@example(f"{START}call:f{{a:\ud800}}{END}", True)
def test_no_text_makes_the_reader_raise_or_return_a_call_without_a_name(output: str, complete: bool) -> None:
    reading = read(output, complete=complete)
    assert all(call.name for call in reading.calls)
    assert (reading.problem is None) == (reading.position is None)


@given(strategies.calls, st.data())
def test_an_answer_cut_anywhere_within_its_call_is_truncated_and_holds_no_call(call: Call, data: st.DataObject) -> None:
    whole = render_call(call)
    cut = data.draw(st.integers(len(START), len(whole) - 1))
    reading = read(whole[:cut])
    assert reading.calls == ()
    # A string may hold an end marker or echo a declaration, and then the cut looks like either.
    marked = any(token in whole[len(START) : -len(END)] for token in Token if token is not Token.ESCAPE)
    assert marked or "declaration" in whole or "type:" in whole or reading.problem is Problem.TRUNCATED


VALUES: list[tuple[str, Json]] = [
    ("<escape>42<escape>", "42"),
    ("<escape><escape>", ""),
    ("<escape>a, b: {c} [d] \"e\" 'f'\nnew } line<escape>", "a, b: {c} [d] \"e\" 'f'\nnew } line"),
    (f"<escape>{END}<end_of_turn><escape>", f"{END}<end_of_turn>"),
    ("42", 42),
    ("-7", -7),
    ("1.0", 1.0),
    ("1e-05", 1e-05),
    ("1e+20", 1e20),
    ("true", True),
    ("false", False),
    ("None", None),
    ("null", None),
    ("[]", []),
    ("{}", {}),
    ("[1,<escape>x<escape>,{k:[None]}]", [1, "x", {"k": [None]}]),
]


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_a_value_is_read_as_what_it_is(written: str, value: Json) -> None:
    reading = read(one(f"call:f{{a:{written}}}"))
    assert reading.problem is None
    assert repr(reading.calls[0].arguments["a"]) == repr(value)


@pytest.mark.parametrize(
    "body",
    [
        "f{}",
        "call:{}",
        "call: f{}",
        "call:f{ }",
        "call:f{a}",
        "call:f{a:}",
        "call:f{a:word}",
        'call:f{a:"x"}',
        "call:f{a:'x'}",
        "call:f{a:1,}",
        "call:f{a:1,,b:2}",
        "call:f{a:1}}",
        "call:f{a:[1,]}",
        "call:f{a:7:30}",
        "call:f{a:01}",
        "call:f{a:+1}",
        "call:f{a:1.}",
        "call:f{a:.5}",
        "call:f{a:nan}",
        "call:f{a:inf}",
        "call:f{a:-inf}",
        "call:f{a:1e999}",
        "call:f{a:True}",
        "call:f{a:<escape>x}",
        "call:f{<escape>a<escape>:1}",
        'call:f{                    {"a": 1}}',
        "call:f{a: 1}",
        f"call:f{{a:{'9' * 641}}}",
        f"call:f{{a:{'[' * 65}{']' * 65}}}",
        "call:f()",
    ],
)
def test_what_the_grammar_does_not_allow_is_malformed(body: str) -> None:
    reading = read(one(body))
    assert (reading.problem, reading.calls) == (Problem.MALFORMED, ())
    assert reading.detail


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("", Problem.EMPTY),
        (" \n", Problem.EMPTY),
        ("<pad>", Problem.PAD_ONLY),
        ("<pad><pad><eos>", Problem.PAD_ONLY),
        ("\n<pad> <pad>", Problem.PAD_ONLY),
        ("<pad>Hello", Problem.JUNK),
        ("Hello<pad>", Problem.JUNK),
        ("<bos>Hello", Problem.JUNK),
        ("Hello<unused7>", Problem.JUNK),
        ("Hello<end_of_turn>\n<start_of_turn>user\n", Problem.JUNK),
        ("<start_of_turn>model\nHello", Problem.JUNK),
        (STOP, Problem.JUNK),
        (f"Hello{STOP}", Problem.JUNK),
        (END, Problem.JUNK),
        ("<escape>", Problem.JUNK),
        ("declaration:f{description:<escape>d<escape>", Problem.SCHEMA_ECHO),
        ("<start_function_declaration>declaration:f{}<end_function_declaration>", Problem.SCHEMA_ECHO),
        ("a:{type:<escape>STRING<escape>}", Problem.SCHEMA_ECHO),
        (f"{START}call:f{{a:{{type:<escape>OBJECT<escape>}},", Problem.SCHEMA_ECHO),
        ("call:f{a:1}", Problem.MALFORMED),
        (f"Sure: call:f{{}}{END}", Problem.MALFORMED),
        (f"{START}call:f{{}}", Problem.TRUNCATED),
        (f"{START}call:f{{}}\n", Problem.TRUNCATED),
        (f"{START}call:f{{}}{STOP}", Problem.TRUNCATED),
        (f"{START}call:f{{a:1<end_of_turn>", Problem.TRUNCATED),
        (f"{START}call:f{{}}{START}call:g{{}}{END}", Problem.TRUNCATED),
        (f"{START}call:f{{a:<escape>x{STOP}", Problem.TRUNCATED),
        (START, Problem.TRUNCATED),
    ],
)
def test_an_output_without_a_whole_call_has_its_own_problem(output: str, problem: Problem) -> None:
    reading = read(output)
    assert (reading.problem, reading.calls) == (problem, ())


STOPS = ["<end_of_turn>", "<eos>", "\n<end_of_turn>\n", "<end_of_turn><pad><pad>", "<eos><eos>"]


@pytest.mark.parametrize("output", STOPS)
def test_a_clean_stop_is_no_problem_and_no_text(output: str) -> None:
    assert read(output) == Reading()


@pytest.mark.parametrize("output", ["I cannot.", "I cannot.<end_of_turn>\n", " I cannot.\n<eos><pad>"])
def test_clean_text_is_no_problem(output: str) -> None:
    assert read(output) == Reading(text="I cannot.")


@pytest.mark.parametrize("text", ["Recall: {1}", "the declaration: of independence", "type: STRING", "a < b > c <b>"])
def test_prose_that_merely_resembles_the_format_is_clean(text: str) -> None:
    assert read(text) == Reading(text=text)


F = Call("f", {})
WHOLE = f"{START}call:f{{}}{END}"


@pytest.mark.parametrize("ending", ["", "\n", STOP, "<end_of_turn>", f"{STOP}<pad><pad>", "<eos>\n<pad>"])
def test_a_call_may_end_in_any_stop_token_and_filler(ending: str) -> None:
    assert read(WHOLE + ending) == Reading(calls=(F,))


@pytest.mark.parametrize(
    ("ending", "problem"),
    [
        ("Done.", Problem.JUNK),
        ("<pad>", Problem.JUNK),
        (f"and{WHOLE}", Problem.JUNK),
        (f"{STOP}response:f{{}}", Problem.JUNK),
        (f"{STOP}{WHOLE}", Problem.JUNK),
        (f"{STOP}{STOP}", Problem.JUNK),
        ("<end_of_turn>\n<start_of_turn>user", Problem.JUNK),
        (f"{START}call:g{{a:1", Problem.TRUNCATED),
        (f"{START}call:g{{a}}{END}", Problem.MALFORMED),
        ("<start_function_declaration>declaration:f{", Problem.SCHEMA_ECHO),
    ],
)
def test_calls_before_a_problem_are_returned(ending: str, problem: Problem) -> None:
    reading = read(WHOLE + ending)
    assert (reading.calls, reading.problem) == ((F,), problem)
    assert reading.position is not None
    assert reading.position >= len(WHOLE)


def test_parallel_calls_are_all_read_with_white_space_between_them() -> None:
    assert read(f"Sure.\n{WHOLE}\n{WHOLE}{STOP}") == Reading(calls=(F, F), text="Sure.")


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("I", Problem.TRUNCATED),
        (WHOLE, Problem.TRUNCATED),
        ("<pad><pad>", Problem.PAD_ONLY),
        ("", Problem.EMPTY),
        ("I cannot.<end_of_turn>", None),
        (WHOLE + STOP, None),
    ],
)
def test_at_the_token_limit_an_answer_without_a_stop_token_is_truncated(output: str, problem: Problem | None) -> None:
    assert read(output, complete=False).problem is problem


def test_a_schema_keyword_within_a_whole_call_is_an_argument() -> None:
    assert read(one("call:f{type:<escape>STRING<escape>}")) == Reading(calls=(Call("f", {"type": "STRING"}),))


def test_a_duplicate_argument_keeps_its_last_value_and_is_flagged_with_its_call_and_path() -> None:
    reading = read(WHOLE + one("call:g{a:1,a:2,b:[{c:1,c:2}]}"))
    assert reading.calls == (F, Call("g", {"a": 2, "b": [{"c": 2}]}))
    assert reading.duplicate_keys == (DuplicateKey(1, "a"), DuplicateKey(1, "b[0].c"))


def test_positions_count_characters() -> None:
    assert read(f"Sûr. {START}call:f{{a:word}}{END}").position == len(f"Sûr. {START}call:f{{a:")


def test_the_reader_needs_no_more_digits_than_python_can_be_told_to_take() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert read(one(f"call:f{{a:{'9' * 640}}}")).problem is None
    finally:
        sys.set_int_max_str_digits(limit)


def test_arguments_are_sorted_case_insensitively_at_every_level() -> None:
    call = Call("f", {"b": 1, "A": {"z": None, "Y": True}, "a": 2})
    assert render_call(call) == f"{START}call:f{{A:{{Y:true,z:None}},a:2,b:1}}{END}"


@pytest.mark.parametrize(
    "call",
    [
        Call("", {}),
        Call("a b", {}),
        Call("f", {"": 1}),
        Call("f", {"a:b": 1}),
        Call("f", {"a": "x<escape>y"}),
        Call("f", {"a": float("nan")}),
        Call("f", {"a": [float("inf")]}),
        Call("f", {"a": 10**640}),
        Call("f", {"a": -(10**5000)}),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(call: Call) -> None:
    with pytest.raises(ValueError, match=r"cannot be written in a call"):
        render_call(call)


def test_nesting_too_deep_to_be_read_back_is_not_written() -> None:
    value: Json = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(ValueError, match="nest more than 64 levels"):
        render_call(Call("f", {"a": value}))
