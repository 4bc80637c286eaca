"""Fingerprints of a base's bytes: an adapter belongs to one base, and other weights of its shape load silently."""

from functools import lru_cache
from pathlib import Path

from harness.errors import CandidateError
from harness.files import canonical_json, sha256_file, sha256_text

_PATTERNS = ("config.json", "*.safetensors")
_TOKENIZER_PATTERNS = (
    "tokenizer*.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.*",
    "merges.txt",
)


def base_fingerprint(source: str | Path) -> str:
    """SHA-256 over `config.json` and the safetensors files of a base, in order of their names.

    `source` is a folder or a Hub id; an id is resolved to its folder in the Hub cache (and fetched into it if absent).
    The hash of each file is kept in memory by path, size and modification time. Raises CandidateError when there is no
    such base, or the folder holds no safetensors weights.
    """
    folder = base_folder(source)
    files = sorted(path for pattern in _PATTERNS for path in folder.glob(pattern))
    if not any(path.suffix == ".safetensors" for path in files) or not (folder / "config.json").is_file():
        raise CandidateError(
            f"{source} is no base model: it lacks config.json or *.safetensors",
            remedy="give the folder of a transformers model with safetensors weights, or a Hub id",
        )
    try:
        stats = [path.stat() for path in files]
    except OSError as error:
        raise CandidateError(f"cannot read the base: {error.strerror}", path=folder) from error
    return sha256_text(
        canonical_json(
            [[path.name, _file_hash(path, (s.st_size, s.st_mtime_ns))] for path, s in zip(files, stats, strict=True)]
        )
    )


def tokenizer_fingerprint(source: str | Path) -> str:
    """SHA-256 over the files a tokenizer is made of, its chat template among them, in order of their names.

    Raises CandidateError when there are none.
    """
    folder = base_folder(source, _TOKENIZER_PATTERNS)
    files = sorted({path for pattern in _TOKENIZER_PATTERNS for path in folder.glob(pattern)})
    if not files:
        raise CandidateError(f"{source} has no tokenizer", remedy="give the folder of a transformers model")
    return sha256_text(canonical_json([[path.name, sha256_file(path)] for path in files]))


def base_folder(source: str | Path, patterns: tuple[str, ...] = _PATTERNS) -> Path:
    """The folder of a base: `source` itself, or where the Hub cache keeps it, with the files that match `patterns`."""
    folder = Path(source)
    if folder.is_dir():
        return folder
    if not is_hub_id(source):
        raise CandidateError(
            f"there is no base model {source}", remedy="give a folder or a Hub id (owner/name) with --base-model"
        )
    return hub_folder(str(source), patterns)


def is_hub_id(source: str | Path) -> bool:
    """Whether `source` reads as a Hub id (owner/name) and not as a path, whose parent folder would stand here."""
    owner, _, name = str(source).partition("/")
    return bool(owner and name) and "/" not in name and not owner.startswith((".", "~")) and not Path(owner).exists()


def hub_folder(hub_id: str, patterns: tuple[str, ...]) -> Path:
    """The cached snapshot of a Hub repository, holding the files that match `patterns`; fetched when absent.

    Raises CandidateError, one line, when the repository is not there, is gated, or the network is not.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(patterns)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CandidateError(
            f"{hub_id} is neither a folder here nor readable on the Hub: {first_line(error)}",
            remedy="check the name, log in if the model is gated, or give a folder",
        ) from error


def first_line(error: Exception) -> str:
    """The first line of a library's error text, whose remainder is about its internals; its type if it has no text."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@lru_cache(maxsize=256)
def _file_hash(path: Path, _state: tuple[int, int]) -> str:
    """SHA-256 of a file; its state (size and modification time) is there for the cache's key."""
    return sha256_file(path)
