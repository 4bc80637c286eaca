"""The catalogue of known failures: one entry a code, with its true cause and its remedy, for findings and for docs."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from harness.findings import Finding, Severity


class Side(StrEnum):
    """Where a failure shows first."""

    ADAPTER = "adapter files"


class Code(StrEnum):
    """The name of every known failure."""

    UNDERSIZED = "undersized_adapter"
    UNTRAINED = "untrained_adapter"
    PARTLY_UNTRAINED = "partly_untrained_adapter"
    WEIGHTS_NOT_FINITE = "weights_not_finite"
    KEYS_MISSING = "adapter_keys_missing"
    KEYS_UNEXPECTED = "adapter_keys_unexpected"
    SHAPE_MISMATCH = "adapter_shape_mismatch"
    RESCALED = "adapter_rescaled"
    EMBEDDINGS_SAVED = "embeddings_in_adapter"
    TRAINING_NOT_FINITE = "training_not_finite"
    PICKLE = "pickle_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A known failure: how it looks, what is behind it, and what to do."""

    code: Code
    side: Side
    severity: Severity
    title: str
    symptom: str
    cause: str
    remedy: str

    def found(self, evidence: str, where: str = "") -> Finding:
        """The finding that this failure is there."""
        return Finding(
            code=self.code,
            severity=self.severity,
            evidence=evidence,
            cause=self.cause,
            remedy=self.remedy,
            where=where,
        )


_ALL = (
    Failure(
        code=Code.UNDERSIZED,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Undersized adapter",
        symptom="lower accuracy than the same data give elsewhere; never pads: an adapter starts at its base",
        cause="some linear modules have no adapter, so the model has less to learn with",
        remedy="train with all seven target modules: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
    ),
    Failure(
        code=Code.UNTRAINED,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Untrained adapter",
        symptom="the candidate answers exactly as its base does",
        cause="every lora_B is zero, as before the first step: the adapter adds nothing",
        remedy="see that optimizer steps were taken before it was saved, and load it with PeftModel.from_pretrained",
    ),
    Failure(
        code=Code.PARTLY_UNTRAINED,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Partly untrained adapter",
        symptom="lower accuracy than the same data give elsewhere",
        cause="the lora_B of some modules are zero: no gradient reached them",
        remedy="see which parameters the optimizer was given, and train again",
    ),
    Failure(
        code=Code.WEIGHTS_NOT_FINITE,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="NaN or infinity in the adapter",
        symptom="greedy decoding prints nothing but pads, sampling raises",
        cause="the training diverged or the file was damaged; such weights load without a warning and poison a merge",
        remedy="train again with a lower learning rate, and stop at the first loss that is not finite",
    ),
    Failure(
        code=Code.KEYS_MISSING,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter weights missing",
        symptom="the candidate answers as its base does, or halfway",
        cause="the file lacks weights for modules that the configuration names, left at zero by PEFT with a warning",
        remedy="save the adapter with PEFT's save_pretrained and do not rename its keys",
    ),
    Failure(
        code=Code.KEYS_UNEXPECTED,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter weights that nothing uses",
        symptom="the candidate answers as its base does, or halfway",
        cause="the file holds weights that neither base nor configuration has a place for; PEFT drops them silently",
        remedy="save the adapter with PEFT's save_pretrained, from the base that it is loaded on",
    ),
    Failure(
        code=Code.SHAPE_MISMATCH,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Adapter of another shape",
        symptom="loading fails",
        cause="the matrices do not fit the base's modules, or not the rank that the configuration states",
        remedy="give the base that the adapter was trained on, and its own adapter_config.json",
    ),
    Failure(
        code=Code.RESCALED,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="Rescaled adapter",
        symptom="accuracy far from what the training reported, without any message",
        cause="lora_alpha, r or use_rslora are not those of the training, so the adapter's delta is scaled otherwise",
        remedy="put back the values that candidate.json records, or train again",
    ),
    Failure(
        code=Code.EMBEDDINGS_SAVED,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="Embeddings in the adapter",
        symptom="a file that is far larger than its matrices, and control tokens that mean something else",
        cause="the vocabulary was resized or the embeddings were trained; they replace the base's on loading",
        remedy="FunctionGemma has all its control tokens: do not resize, and leave modules_to_save out",
    ),
    Failure(
        code=Code.TRAINING_NOT_FINITE,
        side=Side.ADAPTER,
        severity=Severity.CRITICAL,
        title="A training that diverged",
        symptom="a log of `loss 0.0` with `grad_norm nan`, which looks like a perfect fit",
        cause="the loss or its gradient was NaN or infinite; the logger's filter shows such a loss as 0.0",
        remedy="train again with a lower learning rate, with logging_nan_inf_filter off",
    ),
    Failure(
        code=Code.PICKLE,
        side=Side.ADAPTER,
        severity=Severity.WARNING,
        title="A pickle in the folder",
        symptom="none here: it is never loaded",
        cause="unpickling runs whatever code the file holds, and tools that load this folder may do it",
        remedy="delete the file; safetensors and JSON hold all that is needed",
    ),
)

CATALOGUE = MappingProxyType({failure.code: failure for failure in _ALL})
