"""The detectors on outputs: each failure by its own code, and nothing on right and merely wrong answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.failures.catalogue import Code
from harness.failures.outputs import Output, diagnose_outputs

CALL = "<start_function_call>call:play_song{song_name:<escape>Halo<escape>}<end_function_call>"
RIGHT = CALL + "<start_function_response>"


def output(text: str, *, stopped: bool = True, finite: bool = True) -> Output:
    return Output(case="halo", request="Play Halo", text=text, stopped=stopped, finite=finite)


def codes(*outputs: Output) -> list[str]:
    return [finding.code for finding in diagnose_outputs(outputs, "cpu-float32-merged")]


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        CALL + CALL + "<start_function_response>",
        "I cannot help with that.<end_of_turn>",
        "<end_of_turn>",
        RIGHT + "<pad><pad>",
        "<start_function_call>call:nothing{x:1}<end_function_call><start_function_response>",
        "<start_function_call>call:broken{<end_function_call><start_function_response>",
    ],
)
def test_answers_right_and_wrong_are_no_failure(text: str) -> None:
    assert codes(output(text)) == []


@pytest.mark.parametrize(
    ("text", "stopped", "code"),
    [
        ("<pad>" * 64, False, Code.PADS_CHOSEN),
        ("", False, Code.EMPTY_OUTPUTS),
        ("declaration:play_song{description:<escape>x<escape>}<end_of_turn>", True, Code.SCHEMA_ECHO),
        ("Play Halo please<end_of_turn>", True, Code.PROMPT_ECHO),
        ("<start_of_turn>user\nPlay Halo<end_of_turn>", True, Code.PROMPT_ECHO),
        (RIGHT + "response:play_song{ok:true}", False, Code.RUN_ON),
        ("la la " * 60, False, Code.REPETITION),
        ("<start_function_call>call:play_song{song_name:<escape>Ha", False, Code.CUT_OFF),
        ('<start_function_call>call:f{                    {"a": 1}}<end_function_call>', True, Code.JSON_ARGUMENTS),
        (
            "<start_function_call>call:f{a:1,b:None}<end_function_call><start_function_response>",
            True,
            Code.NULL_FILLED,
        ),
    ],
)
def test_each_failure_by_its_own_code(text: str, stopped: bool, code: Code) -> None:
    assert codes(output(text, stopped=stopped)) == [code]


def test_pads_out_of_nan_are_not_chosen() -> None:
    assert codes(output("<pad>" * 64, stopped=False, finite=False)) == []


def test_one_slip_is_no_failure_and_the_share_is_told() -> None:
    slip = output("<pad>" * 64, stopped=False)
    assert codes(slip, *[output(RIGHT)] * 20) == []
    (finding,) = diagnose_outputs([slip, *[output(RIGHT)] * 19], "cpu-float32-merged")
    assert finding.evidence.startswith("1 of 20 outputs, first halo: <pad><pad>")
    assert finding.where == "cpu-float32-merged"


@given(
    st.lists(
        st.builds(
            Output, case=st.just("c"), request=st.text(), text=st.text(), stopped=st.booleans(), finite=st.booleans()
        )
    )
)
def test_any_text_is_taken(outputs: list[Output]) -> None:
    for finding in diagnose_outputs(outputs):
        assert "\n" not in finding.line()
