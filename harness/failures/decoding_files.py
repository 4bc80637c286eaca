"""The decoding settings that a candidate's folder carries beside its weights: whoever loads the folder gets them."""

from collections.abc import Iterator
from pathlib import Path

from harness.failures.bounded import bounded_json
from harness.failures.catalogue import CATALOGUE, Code
from harness.findings import Finding
from harness.jsontypes import Json
from harness.models.fingerprint import base_folder

GENERATION_CONFIG = "generation_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"


def audit_decoding(folder: Path, base: str | Path) -> tuple[Finding, ...]:
    """What is wrong with a candidate's generation and tokenizer settings, against those of its base.

    Raises CandidateError when a file is there and cannot be read, or is larger than any such file.
    """
    return (*_generation(folder, base_folder(base)), *_padding(folder))


def _generation(folder: Path, base: Path) -> Iterator[Finding]:
    settings = _settings(folder / GENERATION_CONFIG)
    if settings.get("do_sample") is True:
        yield CATALOGUE[Code.SAMPLING_ON].found("do_sample is true", GENERATION_CONFIG)
    if "eos_token_id" in settings:
        found, wanted = _ids(settings), _ids(_settings(base / GENERATION_CONFIG))
        if missing := sorted(wanted - found):
            evidence = f"eos_token_id is {settings['eos_token_id']}, the base's has {', '.join(map(str, missing))} too"
            yield CATALOGUE[Code.STOP_LIST].found(evidence, GENERATION_CONFIG)


def _padding(folder: Path) -> Iterator[Finding]:
    if _settings(folder / TOKENIZER_CONFIG).get("padding_side") == "right":
        yield CATALOGUE[Code.RIGHT_PADDING].found('padding_side is "right"', TOKENIZER_CONFIG)


def _settings(path: Path) -> dict[str, Json]:
    """The settings in a file; none where there is no file."""
    value = bounded_json(path) if path.is_file() else None
    return value if isinstance(value, dict) else {}


def _ids(settings: dict[str, Json]) -> set[int]:
    value = settings.get("eos_token_id")
    ids = value if isinstance(value, list) else [value]
    return {item for item in ids if isinstance(item, int)}
