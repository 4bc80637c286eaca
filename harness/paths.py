"""Paths as a user would type them, for messages and records."""

import os
from pathlib import Path

EMBEDDED_BASE = Path("fixtures", "tiny-functiongemma")  # from the project's root


def normal(path: str) -> Path:
    """The path as pytest writes it: absolute, without `..`, links left as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def shown(path: Path) -> str:
    """The path, relative where it lies below the working folder."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
