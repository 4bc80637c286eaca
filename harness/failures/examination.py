"""The examination of a candidate: its files first, then its model run, each check with the numbers it saw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.failures.adapter_files import AdapterAudit, audit_adapter
from harness.failures.catalogue import CATALOGUE, Code
from harness.failures.numerics import (
    FLOAT16_MOST,
    FLOAT16_NEAR,
    Culprit,
    Peak,
    adapter_effect,
    first_not_finite,
    last_logits,
    residual_peaks,
    two_runs_differ,
)
from harness.findings import Finding, Severity
from harness.models.candidate import Candidate
from harness.models.decoding import stop_token_ids
from harness.models.fingerprint import base_fingerprint, first_line
from harness.models.matrix import Cell, Device, DType, Form

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    Model = PreTrainedModel | PeftModel

MERGE_TOLERANCE = 1e-4  # in float32, PEFT's own for its tests of merging
HALF = "adapter, 16-bit"
MOST_TOKENS = 64
SAMPLING = {"temperature": 0.7, "top_p": 0.9}  # the third approach of the development notes


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesReport:
    """What the files show. Unusable candidates raise before there is one."""

    audit: AdapterAudit
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one way of decoding wrote: raw text, special tokens included, or the error that the library raised."""

    way: str
    output: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One forward pass over the probe, of one form in one dtype: who spoiled it, or None."""

    form: str
    dtype: DType
    culprit: Culprit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What the running model shows on the probe; differences are in logits, of float32 runs."""

    peaks: tuple[Peak, ...]
    effect: float
    merge_difference: float
    trials: tuple[Trial, ...]
    attempts: tuple[Attempt, ...]
    findings: tuple[Finding, ...]

    @property
    def highest(self) -> Peak:
        """Where the residual stream is largest."""
        return max(self.peaks, key=lambda peak: peak.value)


@dataclass(frozen=True, slots=True)
class Examination:
    """The whole of it; no model report where running the model was not asked for, or would show nothing."""

    files: FilesReport
    model: ModelReport | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of the files, and then of the model."""
        return (*self.files.findings, *(self.model.findings if self.model else ()))

    @property
    def healthy(self) -> bool:
        """Whether nothing was found but notes."""
        return all(finding.severity is Severity.NOTE for finding in self.findings)


def examine_files(candidate: Candidate, base: str | Path) -> FilesReport:
    """The checks that need no torch. Raises CandidateError when the files cannot be read."""
    audit = audit_adapter(candidate, base)
    return FilesReport(audit=audit, findings=(*candidate.findings(), *_wrong_base(candidate, base), *audit.findings))


def _wrong_base(candidate: Candidate, base: str | Path) -> Iterator[Finding]:
    found = base_fingerprint(base)
    manifest = candidate.manifest
    if manifest is not None and manifest.base_fingerprint != found:
        evidence = f"trained on {manifest.base} {manifest.base_fingerprint[:12]}, this is {found[:12]}"
        yield CATALOGUE[Code.WRONG_BASE].found(evidence, str(base))


def examine_model(
    candidate: Candidate, base: str | Path, tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]
) -> ModelReport:
    """Run base, adapter and merged over the prompt `ids` in every dtype of the CPU, float32 looked at closely.

    Raises CandidateError when something does not load.
    """
    from harness.models.loading import load_cell_model

    adapter: Any = load_cell_model(base, candidate.folder, _cell(DType.FLOAT32, Form.ADAPTER))
    merged = load_cell_model(base, candidate.folder, _cell(DType.FLOAT32, Form.MERGED))
    peaks = residual_peaks(adapter, ids)
    effect = adapter_effect(adapter, ids)
    drift = float((last_logits(adapter, ids) - last_logits(merged, ids)).abs().max())
    trials = tuple(_trials(candidate, base, ids))
    found = [
        *_not_finite(trials),
        *_overflow(peaks, trials),
        *_half_adapter(trials),
        *_inactive(effect),
        *_dropout(adapter, ids),
        *_drift(drift),
    ]
    attempts = (
        _attempt("adapter, greedy", adapter, tokenizer, ids),
        _attempt("merged, greedy", merged, tokenizer, ids),
        _attempt("adapter, sampled", adapter, tokenizer, ids, **SAMPLING),
    )
    return ModelReport(
        peaks=peaks, effect=effect, merge_difference=drift, trials=trials, attempts=attempts, findings=tuple(found)
    )


def _attempt(
    way: str, model: "Model", tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], **sampling: float
) -> Attempt:
    """One answer by the library's own `generate`, as whoever made the candidate would ask for it."""
    import torch

    untyped: Any = model
    given = torch.tensor([list(ids)], device=untyped.device)
    torch.manual_seed(0)
    try:
        with torch.inference_mode():
            tokens = untyped.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=MOST_TOKENS,
                do_sample=bool(sampling),
                eos_token_id=sorted(stop_token_ids(tokenizer)),
                **sampling,
            )[0, len(ids) :]
    except RuntimeError as error:  # what torch.multinomial raises where the probabilities are no numbers
        return Attempt(way=way, output=first_line(error), failed=True)
    return Attempt(way=way, output=str(tokenizer.decode(tokens.tolist(), skip_special_tokens=False)), failed=False)


def _cell(dtype: DType, form: Form) -> Cell:
    return Cell(Device.CPU, dtype, form)


def _trials(candidate: Candidate, base: str | Path, ids: Sequence[int]) -> Iterator[Trial]:
    """Every form in every dtype, and the adapter as some load it: its own weights in 16 bits too."""
    from harness.models.loading import load_cell_model

    for form in (Form.BASE, Form.ADAPTER, Form.MERGED):
        for dtype in DType:
            model = load_cell_model(base, candidate.folder, _cell(dtype, form))
            yield Trial(form=form, dtype=dtype, culprit=first_not_finite(model, ids))
    for dtype in (DType.FLOAT16, DType.BFLOAT16):
        narrow: Any = load_cell_model(base, candidate.folder, _cell(dtype, Form.ADAPTER))
        narrow.to(narrow.get_base_model().dtype)
        yield Trial(form=HALF, dtype=dtype, culprit=first_not_finite(narrow, ids))


def _spoiled(trials: Sequence[Trial], form: str, dtype: DType) -> Culprit | None:
    return next(trial.culprit for trial in trials if (trial.form, trial.dtype) == (form, dtype))


def _not_finite(trials: Sequence[Trial]) -> Iterator[Finding]:
    for form in (Form.BASE, Form.ADAPTER, Form.MERGED):
        culprit = _spoiled(trials, form, DType.FLOAT32)
        if culprit is not None:
            yield CATALOGUE[Code.LOGITS_NOT_FINITE].found(f"first {culprit.became} in {culprit.module}", form)
            return


def _overflow(peaks: Sequence[Peak], trials: Sequence[Trial]) -> Iterator[Finding]:
    highest = max(peaks, key=lambda peak: peak.value)
    past = next((peak for peak in peaks if peak.value > FLOAT16_MOST), None)
    evidence = f"the residual stream reaches {highest.value:,.0f} behind {place(highest)}"
    if past is not None and past is not highest:
        evidence += f", and passes {FLOAT16_MOST:,.0f} at {place(past)}"
    if past is not None:
        fails = [form for form in (Form.BASE, Form.ADAPTER, Form.MERGED) if _spoiled(trials, form, DType.FLOAT16)]
        sound = [form for form in (Form.BASE, Form.ADAPTER, Form.MERGED) if not _spoiled(trials, form, DType.BFLOAT16)]
        evidence += f"; in float16 not finite: {', '.join(fails) or 'none'}; in bfloat16 finite: {', '.join(sound)}"
        yield CATALOGUE[Code.FLOAT16_OVERFLOW].found(evidence)
    elif highest.value > FLOAT16_NEAR:
        yield CATALOGUE[Code.FLOAT16_NEAR].found(evidence)


def place(peak: Peak) -> str:
    """Where a peak was seen, in words."""
    return "the embeddings" if peak.layer is None else f"layer {peak.layer}"


def _half_adapter(trials: Sequence[Trial]) -> Iterator[Finding]:
    for dtype in (DType.FLOAT16, DType.BFLOAT16):
        culprit = _spoiled(trials, HALF, dtype)
        if culprit is not None and _spoiled(trials, Form.MERGED, dtype) is None:
            evidence = (
                f"with adapter weights in {dtype} the first {culprit.became} is in {culprit.module}; merged is finite"
            )
            yield CATALOGUE[Code.HALF_ADAPTER].found(evidence)


def _inactive(effect: float) -> Iterator[Finding]:
    if effect == 0.0:
        yield CATALOGUE[Code.NOT_APPLIED].found("with and without the adapter the logits are the same")


def _dropout(adapter: "Model", ids: Sequence[int]) -> Iterator[Finding]:
    difference = two_runs_differ(adapter, ids)
    if adapter.training or difference > 0.0:
        yield CATALOGUE[Code.DROPOUT_ON].found(f"two equal runs differ by {difference:.3g} in a logit")


def _drift(difference: float) -> Iterator[Finding]:
    if difference > MERGE_TOLERANCE:  # NaN on both sides is another finding
        evidence = (
            f"adapter and merged differ by {difference:.3g} in a logit, {MERGE_TOLERANCE:g} is allowed in float32"
        )
        yield CATALOGUE[Code.MERGE_DRIFT].found(evidence)
