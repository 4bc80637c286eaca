"""Each fault is made by the real pipeline, found by its own codes and by no other, and looks as it is said to look."""

import re

import pytest

from harness.failures.catalogue import Code
from trainer.faults import FAULTS, Fault

from .conftest import Note
from .observation import Observation
from .symptoms import SYMPTOMS
from .workshop import Workshop

pytestmark = pytest.mark.failures

# What a fault does to the running model and its answers, beside what rows and files show of it.
CAUSED = {
    Fault.JSON_ARGUMENTS: (Code.JSON_ARGUMENTS,),
    Fault.NULL_FILLED: (Code.NULL_FILLED,),
    Fault.PAD_LABELS: (Code.PADS_CHOSEN,),
    Fault.UNTRAINED: (Code.NOT_APPLIED,),
}
# What it may do besides, as the answers of an undertrained model fall to pieces in more ways than one.
POSSIBLE = {Fault.TRUNCATED_ROWS: {Code.SCHEMA_ECHO, Code.PROMPT_ECHO, Code.REPETITION, Code.CUT_OFF}}
# The number or the name that the evidence is to give.
EVIDENCE = {
    Fault.ATTENTION_ONLY: (Code.UNDERSIZED, r"24 of 42 linear modules; none on down_proj, gate_proj, up_proj"),
    Fault.TRUNCATED_ROWS: (Code.ROW_TRUNCATED, r"max_length is 1024: at most 1\d of 18 functions fit, all rows need"),
    Fault.JSON_ARGUMENTS: (Code.CALL_NOT_READ_BACK, r"\{\"name\": \"[^\"]+\"\}\}<end_function_call>.* does not read"),
    Fault.NULL_FILLED: (Code.NULL_IN_ROW, r"play_song has an argument that is null \(and \d+ rows more\)"),
    Fault.UNDECLARED_LABELS: (Code.UNDECLARED_CALL, r"the answer calls \w+, stage1 does not declare it"),
    Fault.DOUBLE_BOS: (Code.DOUBLE_BOS, r"2 <bos> tokens, one is expected"),
    Fault.TERMINATOR_UNSUPERVISED: (Code.TERMINATOR_NOT_SUPERVISED, r"ends in '<end_function_call>' \(and \d+ rows"),
    Fault.PAD_LABELS: (Code.PAD_SUPERVISED, r"8 of 8 labels are <pad>"),
    Fault.SINGLE_CLASS_SPLIT: (
        Code.SINGLE_FUNCTION,
        r"all calls of \d+ rows are of create_playlist, stage2 declares 4",
    ),
    Fault.LEAKED_CASES: (Code.LEAKED_CASE, r"is the test case '[\w-]+' \(and 1\d\d rows more\)"),
    Fault.UNTRAINED: (Code.UNTRAINED, r"42 of 42"),
    Fault.NAN_WEIGHTS: (Code.WEIGHTS_NOT_FINITE, r"layers\.0\.mlp\.down_proj\.lora_A"),
    Fault.HALF_ADAPTER_OVERFLOW: (Code.HALF_ADAPTER, r"float16 .* is in \S+lora_A\S*; merged is finite"),
    Fault.RENAMED_KEYS: (Code.KEYS_MISSING, r"42 of 42 declared modules, first layer 0 mlp.down_proj"),
    Fault.UNEXPECTED_KEYS: (Code.KEYS_UNEXPECTED, r"layers\.999"),
    Fault.RESCALED: (Code.RESCALED, r"scaling 8 \(alpha 128, r 16, rslora False\), trained with 2"),
    Fault.WRONG_BASE: (Code.WRONG_BASE, r"trained on tiny-functiongemma [0-9a-f]{12}, this is [0-9a-f]{12}"),
    Fault.HOT_BASE: (Code.FLOAT16_OVERFLOW, r"passes 65,504 at .*not finite: base, adapter, merged; .*: base, adapter"),
    Fault.RUN_ON: (Code.STOP_LIST, r"eos_token_id is 1, the base's has 50, 106 too"),
    Fault.SAMPLING_ON: (Code.SAMPLING_ON, r"do_sample is true"),
    Fault.RIGHT_PADDING: (Code.RIGHT_PADDING, r'padding_side is "right"'),
    Fault.PICKLE_FILE: (Code.PICKLE, r"training_args\.bin"),
}


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_is_found_and_seen(fault: Fault, workshop: Workshop, note: Note) -> None:
    seen = Observation(workshop.faulty(fault))
    possible = POSSIBLE.get(fault, set())
    due = (*FAULTS[fault].codes, *CAUSED.get(fault, ()), *sorted(possible & set(seen.findings)))
    symptom = "not seen"
    try:
        symptom = SYMPTOMS[fault](seen)
    finally:
        note(fault, due, seen, symptom)
    code, pattern = EVIDENCE[fault]
    assert re.search(pattern, seen.findings[code]), seen.findings[code]
    assert sorted(seen.findings) == sorted(due), seen.findings
