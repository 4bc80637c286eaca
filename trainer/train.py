"""Train a candidate: rows checked first, LoRA on the base with TRL, and a folder written whole or not at all."""

import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harness.calls.tokens import Token
from harness.errors import CallproofError, CandidateError, DataError, DeviceError, OutputError
from harness.files import sha256_file, whole_folder
from harness.findings import Finding
from harness.models.candidate import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    TRAINER_STATE,
    Candidate,
    CandidateManifest,
    LoraSettings,
    ParameterCounts,
    check_made_for,
    lora_scaling,
)
from harness.models.fingerprint import base_fingerprint, is_hub_id
from harness.models.loading import attach_adapter, load_base, load_tokenizer, no_upstream_warnings, template_fingerprint
from harness.models.matrix import Cell, Device, DType, Form
from harness.stages import Stage
from harness.suites import Suite
from harness.versions import installed_version
from trainer.checks import check_rows, needed_length, refuse_critical, trained_in
from trainer.dataset import Row, build_rows, cut_rows, data_hash
from trainer.faults import FAULTS, SOUND, Data, Fault, damage_weights
from trainer.recipe import Packing, Recipe

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl.trainer.sft_config import SFTConfig

    from trainer.loop import CallTrainer

_LIBRARIES = ("callproof", "torch", "transformers", "tokenizers", "peft", "trl", "datasets", "accelerate")
_METRICS = ("loss", "mean_token_accuracy", "call_token_accuracy")
_LOGS = 20  # how many times a run logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to train: the suite's stage, the recipe, the base, the candidate to start from if any, and where it goes.

    With `force`, critical findings in the rows do not stop it; the manifest records them. A `fault` breaks the
    candidate on purpose, and forces too.
    """

    suite: Suite
    stage: Stage
    recipe: Recipe
    base: str
    start: Candidate | None
    output: Path
    device: Device
    force: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A finished candidate and what was found in its rows that did not stop it."""

    manifest: CandidateManifest
    findings: tuple[Finding, ...]


def train(job: Job) -> Trained:
    """Train and write the candidate; on a CallproofError (data, candidate, device, output) nothing is written."""
    _check_output(job.output)
    fingerprint = base_fingerprint(job.base)
    if job.start is not None:
        check_made_for(job.start, fingerprint)
    tokenizer = load_tokenizer(job.base)
    damage = FAULTS[job.fault] if job.fault else SOUND
    job = replace(job, recipe=damage.recipe(job.recipe))
    recipe = job.recipe
    _check_packing(recipe)
    rows = build_rows(tokenizer, job.suite, job.stage, recipe.no_call_reply)
    rows = damage.rows(Data(tokenizer=tokenizer, suite=job.suite, stage=job.stage, recipe=recipe), rows)
    max_length = recipe.max_length or needed_length(rows)
    findings = check_rows(rows, job.suite, job.stage, tokenizer, max_length)
    if not (job.force or job.fault):
        refuse_critical(findings)
    rows = cut_rows(rows, max_length, completion_only=recipe.completion_only)
    with whole_folder(job.output) as folder, TemporaryDirectory() as scratch:
        begun = time.monotonic()
        base = load_base(job.base, Cell(job.device, DType.FLOAT32, Form.BASE))
        if damage.base is not None:
            damage.base(base)
            fingerprint = _save_base(base, tokenizer, (folder if damage.keeps_base else Path(scratch)) / "base")
        loop = _loop(job, base, tokenizer, rows, Path(scratch), max_length)
        _run(loop, recipe)
        metrics = _final_metrics(loop)
        _save(loop, tokenizer, folder, _base_name(job.base))
        damage_weights(folder, damage)
        manifest = CandidateManifest(
            suite=job.suite.name,
            stage=job.stage.name,
            base=_base_name(job.base),
            base_fingerprint=fingerprint,
            functions_fingerprint=job.stage.functions.fingerprint,
            data_sha256=data_hash(rows),
            template_sha256=template_fingerprint(tokenizer),
            adapter_sha256=sha256_file(folder / ADAPTER_WEIGHTS),
            developer=job.suite.developer,
            recipe={**recipe.as_json(), "max_length": max_length},
            lora=_lora_settings(loop.model),
            parameters=ParameterCounts(**_counts(loop.model)),
            versions=_versions(),
            seed=recipe.seed,
            seconds=round(time.monotonic() - begun, 3),
            metrics=metrics,
            findings=trained_in(findings),
        )
        manifest.write(folder)
        damage.folder(folder)
    return Trained(manifest=manifest, findings=findings)


def _check_packing(recipe: Recipe) -> None:
    if recipe.packing is Packing.SHARED_PREFIX and not recipe.completion_only:
        raise DataError(
            "rows that share a prefix are trained on their completions only",
            remedy="set completion_only: true or packing: none in the recipe",
        )


def _check_output(output: Path) -> None:
    """Refuse to replace anything but an earlier candidate."""
    if output.is_dir() and any(output.iterdir()) and not (output / ADAPTER_CONFIG).is_file():
        raise OutputError(
            "the folder holds something else than a candidate", path=output, remedy="give another --output"
        )
    if output.exists() and not output.is_dir():
        raise OutputError("is a file", path=output, remedy="give a folder with --output")


def _save_base(base: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> str:
    """Write a base that was changed; its fingerprint."""
    base.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return base_fingerprint(folder)


def _loop(
    job: Job,
    base: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[Row],
    scratch: Path,
    max_length: int,
) -> "CallTrainer":
    from datasets import Dataset
    from transformers import set_seed

    from trainer.loop import CallTrainer
    from trainer.packing import PaddedBatch, SharedPrefixBatch, read_segments

    set_seed(job.recipe.seed)  # before the adapter's random weights are drawn
    model = _adapted(base, job)
    vocabulary = tokenizer.get_vocab()
    call_id = vocabulary[Token.START_CALL]
    collator: PaddedBatch | SharedPrefixBatch = PaddedBatch(vocabulary[Token.PAD], call_id)
    if job.recipe.packing is Packing.SHARED_PREFIX:
        read_segments(base)
        collator = SharedPrefixBatch(call_id)
    data = Dataset.from_dict(
        {
            "input_ids": [list(row.input_ids) for row in rows],
            "labels": [list(row.labels(completion_only=job.recipe.completion_only)) for row in rows],
        }
    )
    return CallTrainer(
        model,
        args=_settings(job, len(rows), scratch, max_length),
        train_dataset=data,
        processing_class=tokenizer,
        data_collator=collator,
    )


def _run(loop: "CallTrainer", recipe: Recipe) -> None:
    import torch

    try:
        loop.train()
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"out of memory training {recipe.batch_size} rows at once", remedy="lower batch_size in the recipe"
        ) from error


def _settings(job: Job, rows: int, scratch: Path, max_length: int) -> "SFTConfig":
    from trl.trainer.sft_config import SFTConfig

    recipe = job.recipe
    a_step = recipe.batch_size * recipe.accumulation
    steps = recipe.steps or math.ceil(rows / a_step) * recipe.epochs
    return SFTConfig(
        output_dir=str(scratch),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule.value,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        max_length=max_length,
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_steps=max(1, int(steps) // _LOGS),
        logging_nan_inf_filter=False,  # a NaN that is averaged away looks like a loss of 0.0
        save_strategy="no",
        report_to="none",
        use_cpu=job.device is Device.CPU,
        dataloader_pin_memory=False,
        activation_checkpointing=False,
        bf16=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},  # the rows are token ids with labels, checked already
    )


def _adapted(base: "PreTrainedModel", job: Job) -> "PeftModel":
    """The base with the adapter to train: a new one, or an earlier candidate's."""
    from peft import LoraConfig, TaskType, get_peft_model

    recipe = job.recipe
    if job.start is not None:
        return _continued(attach_adapter(base, job.start.folder, trainable=True), job.start, recipe)
    there = {name.rpartition(".")[2] for name, _ in base.named_modules()}
    if absent := sorted(set(recipe.target_modules) - there):
        raise DataError(f"the base has no modules {', '.join(absent)}", remedy="mend target_modules in the recipe")
    config = LoraConfig(
        r=recipe.r,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        use_rslora=recipe.rslora,
        target_modules=list(recipe.target_modules),
        bias="none",
        task_type=TaskType.CAUSAL_LM,
    )
    with no_upstream_warnings():
        return get_peft_model(base, config)


def _continued(model: "PeftModel", start: Candidate, recipe: Recipe) -> "PeftModel":
    settings = _lora_settings(model)
    asked = (recipe.r, recipe.alpha, recipe.rslora, tuple(sorted(recipe.target_modules)))
    found = (settings.r, settings.alpha, settings.rslora, settings.target_modules)
    if asked != found:
        raise CandidateError(
            f"its adapter has r, alpha, rslora, modules {found}, the recipe asks {asked}",
            path=start.folder,
            remedy="give the recipe it was trained with, or leave --from out",
        )
    return model


def _lora_settings(model: Any) -> LoraSettings:
    config = model.peft_config["default"]
    return LoraSettings(
        r=config.r,
        alpha=config.lora_alpha,
        scaling=lora_scaling(config.lora_alpha, config.r, rslora=config.use_rslora),
        target_modules=tuple(sorted(config.target_modules)),
        rslora=config.use_rslora,
    )


def _counts(model: Any) -> Mapping[str, int]:
    trainable, total = model.get_nb_trainable_parameters()
    return {"trainable": int(trainable), "total": int(total)}


def _final_metrics(loop: "CallTrainer") -> dict[str, float]:
    """The last logged loss and accuracies. Raises CallproofError when a loss or a weight is not finite."""
    import torch

    logs = [log for log in loop.state.log_history if "loss" in log]
    bad = next((log for log in logs if not math.isfinite(log["loss"])), None)
    model: Any = loop.model
    weights = (weight for weight in model.parameters() if weight.requires_grad)
    if bad is not None or not all(bool(torch.isfinite(weight).all()) for weight in weights):
        place = f"step {bad['step']}" if bad else "the end"
        raise CallproofError(
            f"the training diverged: not finite at {place}", remedy="lower learning_rate in the recipe"
        )
    return {name: float(logs[-1][name]) for name in _METRICS if name in logs[-1]}


def _save(loop: "CallTrainer", tokenizer: "PreTrainedTokenizerBase", folder: Path, base: str) -> None:
    model: Any = loop.model
    model.peft_config["default"].base_model_name_or_path = base  # as the manifest names it, not a path of this machine
    # save_embedding_layers: "auto" would ask the Hub for the base's vocabulary size
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card; candidate.json says what there is to say
    tokenizer.save_pretrained(folder)
    loop.state.save_to_json(str(folder / TRAINER_STATE))


def _base_name(source: str) -> str:
    return source if is_hub_id(source) else Path(source).resolve().name


def _versions() -> dict[str, str]:
    found = {name: installed_version(name) or "not installed" for name in _LIBRARIES}
    return {"python": platform.python_version(), **found}
