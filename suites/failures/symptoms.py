"""How each fault looks to whoever runs the candidate: asserted on the real thing, and told in a few words."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.calls.judge import Outcome
from harness.calls.syntax import Problem, read
from harness.calls.tokens import Token
from harness.calls.verdicts import ErrorCode
from harness.errors import CandidateError
from harness.failures.catalogue import Code
from harness.failures.examination import HALF
from harness.failures.numerics import FLOAT16_MOST, adapter_effect
from harness.failures.outputs import Output, diagnose_outputs
from harness.models.candidate import load_candidate
from harness.models.loading import load_tokenizer
from harness.models.matrix import DType, Form
from trainer.dataset import build_rows
from trainer.faults import LIBRARY_LENGTH, RESCALE, Fault

from .as_loaded import REQUEST, adapted_model, base_model, prompt_ids, written, written_in_a_batch
from .observation import Observation

FORMS = (Form.BASE, Form.ADAPTER, Form.MERGED)


# Of the rows: what was trained is what is answered.


def rows_are_cut(seen: Observation) -> str:
    """Nearly every token is foretold, and nearly no answer is right: the loss saw declarations, and they are echoed."""
    suite, stage = seen.made.suite, seen.made.suite.stage(seen.made.stage)
    rows = build_rows(load_tokenizer(seen.made.base), suite, stage, "No.")
    evidence = seen.findings[Code.ROW_TRUNCATED]
    assert f"max_length is {LIBRARY_LENGTH}" in evidence
    assert f"the answer begins at {len(rows[0].prompt.ids)}" in evidence
    manifest = load_candidate(seen.made.folder).manifest
    assert manifest is not None
    tokens = manifest.metrics["mean_token_accuracy"]
    right = sum(row.correct for row in seen.answers)
    assert tokens > 0.9
    assert right <= 0.1 * len(seen.answers)
    assert {Code.SCHEMA_ECHO, Code.PROMPT_ECHO} & set(seen.findings)
    first = seen.findings.get(Code.SCHEMA_ECHO, seen.findings.get(Code.PROMPT_ECHO))
    return f"token accuracy {tokens:.3f}, {right} of {len(seen.answers)} answers right; echoes in {first}"


def json_in_calls(seen: Observation) -> str:
    """Calls that hold a JSON object in their braces: none can be read."""
    broken = [row for row in seen.answers if row.outcome is Outcome.MALFORMED]
    assert len(broken) > len(seen.answers) / 2
    assert all('{"' in row.output for row in broken)
    return f"{len(broken)} of {len(seen.answers)} answers are broken calls: {broken[0].output}"


def nulls_in_calls(seen: Observation) -> str:
    """Arguments nobody meant, as None."""
    nulls = [row for row in seen.answers if ":None" in row.output]
    assert nulls
    assert not any(row.correct for row in nulls)
    return f"{len(nulls)} of {len(seen.answers)} answers give None: {nulls[0].output}"


def undeclared_functions(seen: Observation) -> str:
    """Functions are called that the prompt does not hold."""
    declared = set(seen.made.suite.stage(seen.made.stage).functions.names)
    rows = [row for row in seen.answers if any(error.code == ErrorCode.UNKNOWN_FUNCTION for error in row.errors)]
    assert rows
    assert not any(row.correct for row in rows)
    called = sorted({call.name for row in rows for call in read(row.output).calls} - declared)
    return f"{len(rows)} of {len(seen.answers)} answers call what is not declared: {', '.join(called)}"


def others_forgotten(seen: Observation) -> str:
    """The functions of no row are called less well than by the base alone."""
    right, before = (sum(row.correct for row in rows) for rows in (seen.answers, seen.answers_of_the_base))
    assert right < before
    return f"{right} of {len(seen.answers)} answers are right, of the base's own {before}"


def pads_alone(seen: Observation) -> str:
    """Every answer is pads out of finite logits: the model means them."""
    assert all(read(row.output).problem is Problem.PAD_ONLY for row in seen.answers)
    assert all(row.finite and row.outcome is Outcome.JUNK for row in seen.answers)
    assert seen.model is not None
    assert not any(attempt.failed for attempt in seen.model.attempts)  # sampling works
    return f"{len(seen.answers)} of {len(seen.answers)} answers are pads alone, and sampling gives pads too"


def prompts_differ(seen: Observation) -> str:
    """Rows began with two of them, and a prompt has one."""
    bos = load_tokenizer(seen.made.base).get_vocab()[Token.BOS]
    assert prompt_ids(seen.made).count(bos) == 1
    assert ": 2 <bos> tokens" in seen.findings[Code.DOUBLE_BOS]
    return "no sign in the answers: the rows began with two <bos>, prompts begin with one"


def base_ends(seen: Observation) -> str:
    """The end was never trained; what ends the answers is the base's habit."""
    assert all(row.stop == "stop" for row in seen.answers)
    return "no sign in the answers: they end as the base's do, which was taught to"


def cell_is_void(seen: Observation) -> str:
    """The score would be that of a test known beforehand, so there is none."""
    assert seen.cell_is_void
    return "the cell is VOID: no score is shown"


# Of the files.


def answers_all_the_same(seen: Observation) -> str:
    """It runs, and prints no pads: an adapter without the MLP begins at the base like any other."""
    assert not any(read(row.output).problem is Problem.PAD_ONLY for row in seen.answers)
    assert seen.model is not None
    assert seen.model.effect > 0
    right = sum(row.correct for row in seen.answers)
    return f"no pads: {right} of {len(seen.answers)} answers are right"


def base_answers(seen: Observation) -> str:
    """The adapter makes no difference to any logit."""
    assert seen.model is not None
    assert seen.model.effect == 0.0
    return "with and without the adapter the logits are the same"


def pads_of_nan(seen: Observation) -> str:
    """Greedy decoding prints pads, sampling raises; the plugin runs neither."""
    assert seen.model is None
    assert seen.answers == []
    adapted, _ = adapted_model(seen.made)
    assert written(seen.made, adapted).replace(Token.PAD, "") == ""
    with pytest.raises(RuntimeError, match="probability tensor contains"):
        written(seen.made, adapted, sample=True)
    return "VOID; run all the same, greedy decoding prints pads and sampling raises"


def loads_as_base(seen: Observation) -> str:
    """The library loads it with a warning, and none of its weights."""
    assert seen.answers == []
    adapted, warned = adapted_model(seen.made)
    assert any("missing adapter keys" in text for text in warned)
    assert adapter_effect(adapted, prompt_ids(seen.made)) == 0.0
    return "VOID; loaded all the same, PEFT warns, and the logits are the base's"


def loads_in_silence(seen: Observation) -> str:
    """The library leaves out what it does not know, without a word."""
    assert seen.answers == []
    assert adapted_model(seen.made)[1] == []
    return "VOID; PEFT loads it without a word"


def counts_for_more(seen: Observation) -> str:
    """The same weights move the logits further than they were trained to."""
    adapted, _ = adapted_model(seen.made)
    ids = prompt_ids(seen.made)
    found = adapter_effect(adapted, ids)
    for module in adapted.modules():
        if isinstance(scaling := getattr(module, "scaling", None), dict):
            scaling.update({name: value / RESCALE for name, value in scaling.items()})
    trained = adapter_effect(adapted, ids)
    assert found > 1.5 * trained > 0
    return f"the adapter moves a logit by up to {found:.3g}, as it was trained by {trained:.3g}"


def refused(seen: Observation) -> str:
    """The plugin does not put it on this base."""
    with pytest.raises(CandidateError, match="made for another base"):
        _ = seen.answers
    return "the plugin refuses it: made for another base"


def runs_on(seen: Observation) -> str:
    """By the folder's own settings it writes on behind the call; the plugin stops where the format does."""
    text = written(seen.made, adapted_model(seen.made)[0], own_settings=True)
    behind = text.partition(Token.START_RESPONSE)[2]
    output = Output(case="first", request=REQUEST, text=text, stopped=False, finite=True)
    assert Code.RUN_ON in {finding.code for finding in diagnose_outputs([output])}
    assert all(row.stop == "stop" for row in seen.answers)
    return f"by its own settings it writes on behind the call: {behind[:40]}..."


def runs_differ(seen: Observation) -> str:
    """By the folder's own settings two runs are not the same."""
    import torch

    adapted, texts = adapted_model(seen.made)[0], set()
    for seed in range(8):
        torch.manual_seed(seed)
        texts.add(written(seen.made, adapted, own_settings=True))
    assert len(texts) > 1
    return f"by its own settings 8 runs of one request give {len(texts)} answers"


def answers_behind_pads(seen: Observation) -> str:
    """In a batch, a short prompt is continued behind its padding."""
    adapted, _ = adapted_model(seen.made)
    requests = [REQUEST, f"Would you be so kind and for once {REQUEST.lower()} from beginning to end"]
    alone, together = written(seen.made, adapted), written_in_a_batch(seen.made, adapted, requests)[0]
    together = together.replace(Token.PAD, "")
    assert together != alone
    return f"alone {alone}, in a batch {together}"


def never_opened(seen: Observation) -> str:
    """No check and no run opens it: what it would do is not done."""
    marker = seen.made.folder.parent / "opened"
    next(seen.made.folder.glob("*.bin")).write_bytes(pickle.dumps(_Touch(marker)))
    again = Observation(seen.made)
    assert Code.PICKLE in again.findings
    assert again.answers
    assert not marker.exists()
    return "nothing: the file is never opened"


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._path,)


# Of the running model.


def merging_helps(seen: Observation) -> str:
    """With its own weights in 16 bits the adapter overflows in its first matrix; merged, all is finite."""
    assert seen.model is not None
    trials = {(trial.form, trial.dtype): trial.culprit for trial in seen.model.trials}
    culprit = trials[HALF, DType.FLOAT16]
    assert culprit is not None
    assert "lora_A" in culprit.module
    assert all(trials[Form.MERGED, dtype] is None for dtype in DType)
    assert "merged is finite" in seen.findings[Code.HALF_ADAPTER]
    return f"in float16 the adapter is {culprit.became} from {culprit.module} on; merged is finite"


def merging_does_not_help(seen: Observation) -> str:
    """In float16 base, adapter and merged fail alike, the base printing pads by itself; in bfloat16 none does."""
    assert seen.model is not None
    trials = {(trial.form, trial.dtype): trial.culprit for trial in seen.model.trials}
    assert all(trials[form, DType.FLOAT16] is not None for form in FORMS)
    assert all(trials[form, dtype] is None for form in FORMS for dtype in (DType.BFLOAT16, DType.FLOAT32))
    assert seen.model.highest.value > FLOAT16_MOST
    narrow = base_model(seen.made, DType.FLOAT16)
    assert written(seen.made, narrow).replace(Token.PAD, "") == ""
    return f"{seen.findings[Code.FLOAT16_OVERFLOW]}; the base by itself prints pads in float16"


SYMPTOMS: Mapping[Fault, Callable[[Observation], str]] = {
    Fault.ATTENTION_ONLY: answers_all_the_same,
    Fault.TRUNCATED_ROWS: rows_are_cut,
    Fault.JSON_ARGUMENTS: json_in_calls,
    Fault.NULL_FILLED: nulls_in_calls,
    Fault.UNDECLARED_LABELS: undeclared_functions,
    Fault.DOUBLE_BOS: prompts_differ,
    Fault.TERMINATOR_UNSUPERVISED: base_ends,
    Fault.PAD_LABELS: pads_alone,
    Fault.SINGLE_CLASS_SPLIT: others_forgotten,
    Fault.LEAKED_CASES: cell_is_void,
    Fault.UNTRAINED: base_answers,
    Fault.NAN_WEIGHTS: pads_of_nan,
    Fault.HALF_ADAPTER_OVERFLOW: merging_helps,
    Fault.RENAMED_KEYS: loads_as_base,
    Fault.UNEXPECTED_KEYS: loads_in_silence,
    Fault.RESCALED: counts_for_more,
    Fault.WRONG_BASE: refused,
    Fault.HOT_BASE: merging_does_not_help,
    Fault.RUN_ON: runs_on,
    Fault.SAMPLING_ON: runs_differ,
    Fault.RIGHT_PADDING: answers_behind_pads,
    Fault.PICKLE_FILE: never_opened,
}
