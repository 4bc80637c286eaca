"""Candidates on disk: a PEFT adapter's folder and the manifest (`candidate.json`) that says what it was made from."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import CandidateError, DataError
from harness.files import read_json, sha256_file, write_whole
from harness.findings import Finding, Severity
from harness.jsontypes import Json
from harness.models.fingerprint import hub_folder, is_hub_id

if TYPE_CHECKING:
    from harness.calls.functions import FunctionSet

MANIFEST_NAME = "candidate.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
PICKLED_WEIGHTS = "adapter_model.bin"
TRAINER_STATE = "trainer_state.json"
FORMAT_VERSION = 1


def lora_scaling(alpha: float, r: int, *, rslora: bool) -> float:
    """What an adapter's delta is multiplied by: alpha / r, or alpha / sqrt(r) for rsLoRA (Kalajdzievski 2023)."""
    return alpha / (math.sqrt(r) if rslora else r)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """The adapter's shape; for `scaling` see `lora_scaling`."""

    r: int
    alpha: float
    scaling: float
    target_modules: tuple[str, ...]
    rslora: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterCounts:
    """Numbers of parameters: the trainable ones, and all of them with the adapter's."""

    trainable: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateManifest:
    """What `candidate.json` holds. Hashes are SHA-256 in hexadecimal; `seconds` is the wall time of the training.

    `findings` are those in the rows that the training was forced to go on with.
    """

    suite: str
    stage: str
    base: str
    base_fingerprint: str
    functions_fingerprint: str
    data_sha256: str
    template_sha256: str
    adapter_sha256: str
    developer: str
    recipe: Mapping[str, Json]
    lora: LoraSettings
    parameters: ParameterCounts
    versions: Mapping[str, str]
    seed: int
    seconds: float
    metrics: Mapping[str, float]
    findings: tuple[Finding, ...] = ()
    format_version: int = FORMAT_VERSION

    @classmethod
    def read(cls, folder: Path) -> "CandidateManifest":
        """Read a folder's manifest. Raises CandidateError when it cannot be read or is not of this format."""
        path = folder / MANIFEST_NAME
        try:
            record = read_json(path)
        except DataError as error:
            raise CandidateError(f"unreadable manifest: {error.what}", path=path, remedy=_RETRAIN) from error
        if not isinstance(record, dict) or record.get("format_version") != FORMAT_VERSION:
            raise CandidateError(f"not a manifest of format version {FORMAT_VERSION}", path=path, remedy=_RETRAIN)
        return cls._from_record(record, path)

    @classmethod
    def _from_record(cls, record: dict[str, Json], path: Path) -> "CandidateManifest":
        names = {field.name for field in fields(cls)}
        odd = sorted(names.symmetric_difference(record))
        if odd:
            raise CandidateError(f"missing or unknown manifest keys: {', '.join(odd)}", path=path, remedy=_RETRAIN)
        for field in fields(cls):
            if not isinstance(record[field.name], _JSON_TYPES[field.name]):
                raise CandidateError(f"manifest key {field.name!r} has a wrong type", path=path, remedy=_RETRAIN)
        nested = {
            "lora": _lora(record["lora"], path),
            "parameters": _parameters(record["parameters"], path),
            "findings": _findings(record["findings"], path),
        }
        return cls(**{**record, **nested})  # type: ignore[arg-type]  # the types were checked just above

    def write(self, folder: Path) -> None:
        """Write the manifest into `folder`, whole or not at all. Raises OutputError."""
        write_whole(folder / MANIFEST_NAME, json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


_RETRAIN = "train the candidate again with `python -m trainer`"
_HASHES = ("base_fingerprint", "functions_fingerprint", "data_sha256", "template_sha256", "adapter_sha256")
_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("suite", "stage", "base", "developer", *_HASHES), str),
    **dict.fromkeys(("recipe", "lora", "parameters", "versions", "metrics"), dict),
    **dict.fromkeys(("seed", "format_version"), int),
    "findings": list,
    "seconds": (int, float),
}


def _lora(record: Json, path: Path) -> LoraSettings:
    modules = record.get("target_modules") if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(modules, list):
        raise CandidateError("manifest key 'lora' has no list of target_modules", path=path, remedy=_RETRAIN)
    try:
        return LoraSettings(**{**record, "target_modules": tuple(map(str, modules))})  # type: ignore[arg-type]
    except TypeError as error:
        raise CandidateError(f"manifest key 'lora': {error}", path=path, remedy=_RETRAIN) from error


def _parameters(record: Json, path: Path) -> ParameterCounts:
    counts = record if isinstance(record, dict) else {}
    try:
        return ParameterCounts(**counts)  # type: ignore[arg-type]
    except TypeError as error:
        raise CandidateError(f"manifest key 'parameters': {error}", path=path, remedy=_RETRAIN) from error


def _findings(record: Json, path: Path) -> tuple[Finding, ...]:
    return tuple(_finding(entry, path) for entry in record) if isinstance(record, list) else ()


def _finding(record: Json, path: Path) -> Finding:
    texts = {key: value for key, value in record.items() if isinstance(value, str)} if isinstance(record, dict) else {}
    try:
        return Finding(**{**texts, "severity": Severity(texts["severity"])})  # type: ignore[arg-type]  # all are str
    except (KeyError, TypeError, ValueError) as error:
        raise CandidateError(f"manifest key 'findings': {error}", path=path, remedy=_RETRAIN) from error


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter's folder, and its manifest if it has one."""

    folder: Path
    manifest: CandidateManifest | None

    def findings(self) -> tuple[Finding, ...]:
        """What the folder shows: no manifest, another adapter than the manifest's, faults that were trained in."""
        if self.manifest is None:
            return (_no_manifest(self.folder),)
        changed = sha256_file(self.folder / ADAPTER_WEIGHTS) != self.manifest.adapter_sha256
        return (*self.manifest.findings, _adapter_changed(self.folder)) if changed else self.manifest.findings


def load_candidate(source: str | Path, *, suite: str = "suites/music", stage: str = "stage2") -> Candidate:
    """Find a candidate: a folder or a Hub id. `suite` and `stage` are named in the remedy when there is none.

    Raises CandidateError: nothing there, no adapter in it, pickled weights only, unreadable manifest.
    """
    folder = Path(source)
    if not folder.is_dir():
        if not is_hub_id(source):
            raise CandidateError(
                f"there is no candidate {source}", remedy=f"run `python -m trainer --suite {suite} --stage {stage}`"
            )
        folder = hub_folder(str(source), (ADAPTER_CONFIG, ADAPTER_WEIGHTS, MANIFEST_NAME))
    _check_adapter_files(folder)
    manifest = CandidateManifest.read(folder) if (folder / MANIFEST_NAME).exists() else None
    return Candidate(folder, manifest)


def check_made_for(candidate: Candidate, base_fingerprint: str, functions: "FunctionSet | None" = None) -> None:
    """Raise CandidateError if the manifest names another base or (when one is given) another function set.

    An adapter without a manifest passes: nothing is known of it, see the finding `no_manifest`.
    """
    manifest = candidate.manifest
    if manifest is None:
        return
    if manifest.base_fingerprint != base_fingerprint:
        raise CandidateError(
            f"made for another base: {manifest.base} {manifest.base_fingerprint[:12]}, not {base_fingerprint[:12]}",
            path=candidate.folder,
            remedy="give its base with --base-model, or train again",
        )
    if functions is not None and manifest.functions_fingerprint != functions.fingerprint:
        raise CandidateError(
            f"made for another function set ({manifest.suite} {manifest.stage}): "
            f"{manifest.functions_fingerprint[:12]}, not {functions.fingerprint[:12]}",
            path=candidate.folder,
            remedy="give the candidate of this stage with --candidate, or train again",
        )


def _check_adapter_files(folder: Path) -> None:
    """Raise CandidateError unless the folder holds an adapter's configuration and safetensors weights."""
    if (folder / ADAPTER_CONFIG).is_file() and (folder / ADAPTER_WEIGHTS).is_file():
        return
    if (folder / PICKLED_WEIGHTS).exists():
        raise CandidateError(
            f"holds pickled weights ({PICKLED_WEIGHTS}), which are never loaded: a pickle can run code",
            path=folder,
            remedy="save the adapter as safetensors (PEFT's save_pretrained does)",
        )
    missing = [name for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS) if not (folder / name).is_file()]
    raise CandidateError(
        f"is no adapter: {' and '.join(missing)} missing",
        path=folder,
        remedy="give a folder that PEFT's save_pretrained or `python -m trainer` wrote",
    )


def _no_manifest(folder: Path) -> Finding:
    return Finding(
        code="no_manifest",
        severity=Severity.NOTE,
        evidence=f"{folder.name} holds an adapter and no {MANIFEST_NAME}",
        cause="the adapter was not made by `python -m trainer`",
        remedy="see to it that base and function set are those it was trained for: nothing here can check that",
    )


def _adapter_changed(folder: Path) -> Finding:
    return Finding(
        code="adapter_changed",
        severity=Severity.WARNING,
        evidence=f"{ADAPTER_WEIGHTS} of {folder.name} does not have the hash its manifest gives",
        cause="the weights were replaced or edited after the training",
        remedy=_RETRAIN,
    )
