"""The audit of an adapter's folder: what its files alone show, without torch, in milliseconds."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CandidateError
from harness.failures.bounded import MOST_JSON, bounded_json
from harness.failures.catalogue import CATALOGUE, Code
from harness.failures.decoding_files import GENERATION_CONFIG, TOKENIZER_CONFIG, audit_decoding
from harness.failures.geometry import Place, Shape, linear_modules
from harness.failures.tensor_files import StoredTensor, read_tensors
from harness.findings import Finding
from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS, TRAINER_STATE, Candidate, lora_scaling

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")

_LORA_KEY = re.compile(
    r"base_model\.model\.model\.layers\.(\d{1,5})\.([a-z_]+\.[a-z_]+)\.lora_([AB])\.weight", re.ASCII
)
_MAGNITUDE_KEY = re.compile(r"base_model\.model\.model\.layers\.\d+\.[a-z_.]+\.lora_magnitude_vector", re.ASCII)
_EMBEDDING_KEY = re.compile(r"(^|\.)(embed_tokens|lm_head)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterAudit:
    """What an adapter's files hold: numbers of parameters, of adapted and of adaptable modules, and what is wrong."""

    parameters: int
    adapted: int
    adaptable: int
    bytes: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSettings:
    """What `adapter_config.json` says of an adapter's shape and scale; no target modules where they are a pattern."""

    r: int
    alpha: float
    rslora: bool
    target_modules: tuple[str, ...]
    uniform: bool  # one rank for all modules

    @property
    def scaling(self) -> float:
        """What the delta is multiplied by."""
        return lora_scaling(self.alpha, self.r, rslora=self.rslora)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two matrices of one module, either of which may be missing."""

    a: StoredTensor | None = None
    b: StoredTensor | None = None


def audit_adapter(candidate: Candidate, base: str | Path) -> AdapterAudit:
    """Look an adapter's files over, against the base that it is to be loaded on.

    Raises CandidateError when they cannot be read: cut, damaged, too large, no JSON, or a link out of the folder.
    """
    folder = candidate.folder
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, TRAINER_STATE, GENERATION_CONFIG, TOKENIZER_CONFIG):
        _check_inside(folder, name)
    settings = read_settings(folder / ADAPTER_CONFIG)
    tensors = read_tensors(folder / ADAPTER_WEIGHTS)
    base_modules = linear_modules(base)
    pairs = _pairs(tensors)
    found = [
        *_not_finite(tensors),
        *_keys(tensors, pairs, settings, base_modules),
        *_shapes(pairs, settings, base_modules),
        *_untrained(pairs),
        *_undersized(pairs, base_modules),
        *_rescaled(settings, candidate),
        *_embeddings(tensors),
        *_training_log(folder / TRAINER_STATE),
        *_pickles(folder),
        *audit_decoding(folder, base),
    ]
    return AdapterAudit(
        parameters=sum(tensor.count for tensor in tensors),
        adapted=sum(place in base_modules for place in pairs),
        adaptable=len(base_modules),
        bytes=(folder / ADAPTER_WEIGHTS).stat().st_size,
        findings=tuple(found),
    )


def runnable(findings: Sequence[Finding]) -> bool:
    """Whether an adapter with these findings loads as what it was meant to be, so that running it shows more."""
    broken = {Code.SHAPE_MISMATCH, Code.KEYS_MISSING, Code.KEYS_UNEXPECTED, Code.WEIGHTS_NOT_FINITE}
    return not any(finding.code in broken for finding in findings)


def read_settings(path: Path) -> AdapterSettings:
    """Read `adapter_config.json`, whose size is bounded.

    Raises CandidateError when it is no LoRA configuration.
    """
    config = bounded_json(path)
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if not isinstance(config, dict) or kind != "LORA":
        raise CandidateError(f"no LoRA adapter (peft_type {kind!r})", path=path, remedy="give a LoRA adapter")
    r, alpha, rslora = config.get("r"), config.get("lora_alpha"), config.get("use_rslora") is True
    modules = config.get("target_modules")
    if isinstance(r, bool) or not isinstance(r, int) or r < 1:
        raise CandidateError(f"r is {r!r}, a positive integer is expected", path=path, remedy="restore the file")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not alpha > 0:
        raise CandidateError(
            f"lora_alpha is {alpha!r}, a positive number is expected", path=path, remedy="restore the file"
        )
    names = tuple(sorted(map(str, modules))) if isinstance(modules, list) else ()
    uniform = not config.get("rank_pattern")
    return AdapterSettings(r=r, alpha=alpha, rslora=rslora, target_modules=names, uniform=uniform)


def _check_inside(folder: Path, name: str) -> None:
    path = folder / name
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()) and not _in_hub_cache(path):
        raise CandidateError("is a link that leaves its folder", path=path, remedy="put the file itself there")


def _in_hub_cache(path: Path) -> bool:
    """Whether a link is as the Hub's cache has them: a snapshot's file that links to `../../blobs/`."""
    return path.resolve().parent == path.parent.resolve().parents[1] / "blobs"


def _pairs(tensors: Iterable[StoredTensor]) -> Mapping[Place, _Pair]:
    halves: dict[Place, dict[str, StoredTensor]] = {}
    for tensor in tensors:
        if match := _LORA_KEY.fullmatch(tensor.name):
            halves.setdefault(Place(int(match[1]), match[2]), {})[match[3]] = tensor
    return {place: _Pair(half.get("A"), half.get("B")) for place, half in sorted(halves.items())}


def _not_finite(tensors: Sequence[StoredTensor]) -> Iterator[Finding]:
    bad = [tensor.name for tensor in tensors if not math.isfinite(tensor.peak())]
    if bad:
        yield _found(Code.WEIGHTS_NOT_FINITE, f"{len(bad)} of {len(tensors)} tensors, first {bad[0]}")


def _keys(
    tensors: Sequence[StoredTensor],
    pairs: Mapping[Place, _Pair],
    settings: AdapterSettings,
    base: Mapping[Place, Shape],
) -> Iterator[Finding]:
    declared = {place for place in base if place.projection in settings.target_modules} or set(pairs)
    lacking = [place for place in sorted(declared) if (pair := pairs.get(place, _Pair())).a is None or pair.b is None]
    if lacking:
        first = lacking[0]
        evidence = f"{len(lacking)} of {len(declared)} declared modules, first layer {first.layer} {first.module}"
        yield _found(Code.KEYS_MISSING, evidence)
    unused = [tensor.name for tensor in tensors if not _used(tensor.name, declared)]
    if unused:
        yield _found(Code.KEYS_UNEXPECTED, f"{len(unused)} of {len(tensors)} tensors, first {unused[0]}")


def _used(name: str, declared: set[Place]) -> bool:
    match = _LORA_KEY.fullmatch(name)
    if match is None:
        return bool(_MAGNITUDE_KEY.fullmatch(name) or _EMBEDDING_KEY.search(name))
    return Place(int(match[1]), match[2]) in declared


def _shapes(pairs: Mapping[Place, _Pair], settings: AdapterSettings, base: Mapping[Place, Shape]) -> Iterator[Finding]:
    wrong = []
    for place, pair in pairs.items():
        if place not in base:
            continue
        rank = settings.r if settings.uniform or pair.a is None else pair.a.shape[0]
        wanted = {"lora_A": (rank, base[place].inputs), "lora_B": (base[place].outputs, rank)}
        for half, tensor in zip(wanted, (pair.a, pair.b), strict=True):
            if tensor is not None and tensor.shape != wanted[half]:
                name = f"layer {place.layer} {place.module} {half}"
                wrong.append(f"{name} is {list(tensor.shape)}, {list(wanted[half])} is expected")
    if wrong:
        yield _found(Code.SHAPE_MISMATCH, f"{len(wrong)} matrices, first: {wrong[0]}")


def _untrained(pairs: Mapping[Place, _Pair]) -> Iterator[Finding]:
    trained = [pair.b for pair in pairs.values() if pair.b is not None]
    zero = [tensor for tensor in trained if tensor.peak() == 0.0]
    if zero:
        code = Code.UNTRAINED if len(zero) == len(trained) else Code.PARTLY_UNTRAINED
        yield _found(code, f"{len(zero)} of {len(trained)} lora_B are zero, first {zero[0].name}")


def _undersized(pairs: Mapping[Place, _Pair], base: Mapping[Place, Shape]) -> Iterator[Finding]:
    present = [place for place in base if place in pairs]
    if not present or len(present) == len(base):
        return
    without = sorted({place.projection for place in base} - {place.projection for place in present})
    layers = sorted({place.layer for place in base} - {place.layer for place in present})
    parts = [f"{len(present)} of {len(base)} linear modules"]
    parts += [f"none on {', '.join(without)}"] if without else []
    parts += [f"none in layers {', '.join(map(str, layers))}"] if layers else []
    yield _found(Code.UNDERSIZED, "; ".join(parts))


def _rescaled(settings: AdapterSettings, candidate: Candidate) -> Iterator[Finding]:
    if candidate.manifest is None:
        return
    trained = candidate.manifest.lora
    if not math.isclose(settings.scaling, trained.scaling):
        evidence = (
            f"scaling {settings.scaling:g} (alpha {settings.alpha:g}, r {settings.r}, rslora {settings.rslora}), "
            f"trained with {trained.scaling:g}"
        )
        yield _found(Code.RESCALED, evidence)


def _embeddings(tensors: Iterable[StoredTensor]) -> Iterator[Finding]:
    names = [tensor.name for tensor in tensors if _EMBEDDING_KEY.search(tensor.name)]
    if names:
        yield _found(Code.EMBEDDINGS_SAVED, ", ".join(names))


def _training_log(path: Path) -> Iterator[Finding]:
    """A loss or gradient in the training's log that is not finite; the library writes NaN, which is not JSON."""
    if not path.is_file():
        return
    try:
        state = json.loads(path.read_bytes()) if path.stat().st_size <= MOST_JSON else None
    except (OSError, ValueError, RecursionError):
        return  # a log that cannot be read says nothing about the adapter
    logs = state.get("log_history") if isinstance(state, dict) else None
    for entry in logs if isinstance(logs, list) else []:
        values = {name: entry.get(name) for name in ("loss", "grad_norm")} if isinstance(entry, dict) else {}
        bad = [name for name, value in values.items() if isinstance(value, float) and not math.isfinite(value)]
        if bad:
            seen = ", ".join(f"{name} {value}" for name, value in values.items())
            yield _found(Code.TRAINING_NOT_FINITE, f"step {entry.get('step')}: {seen}", path.name)
            return


def _pickles(folder: Path) -> Iterator[Finding]:
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLES)
    if names:
        yield _found(Code.PICKLE, ", ".join(names))


def _found(code: Code, evidence: str, where: str = ADAPTER_WEIGHTS) -> Finding:
    return CATALOGUE[code].found(evidence, where)
