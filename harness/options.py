"""The command line's options, read once into one typed value; a mistake is a UsageError naming the accepted forms."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.jsontypes import Json
from harness.models.matrix import CANDIDATE_FORMS, Cell, Device, DType, Form, full_matrix, plan_cells, unavailable
from harness.models.store import LIMIT
from harness.paths import EMBEDDED_BASE, normal, shown
from harness.report.record import Record, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for. Paths are as given, or the defaults under the project's root."""

    cells: tuple[Cell, ...]
    full_matrix: bool
    base_model: str
    candidate: str | None
    suite: Path | None
    baseline: Record | None
    baseline_path: str | None
    strict_cases: bool
    report: Path
    store: Path | None
    store_bytes: int

    def settings(self) -> dict[str, Json]:
        """The options for the first line of a record."""
        return {
            "cells": [cell.id for cell in self.cells],
            "matrix": "full" if self.full_matrix else None,
            "base_model": self.base_model,
            "candidate": self.candidate,
            "suite": None if self.suite is None else shown(self.suite),
            "baseline": self.baseline_path,
            "strict_cases": self.strict_cases,
        }


def add_options(parser: pytest.Parser) -> None:
    """Declare the options, all under names of their own in pytest's namespace."""
    group = parser.getgroup("callproof", "function-calling models (callproof)")
    add = group.addoption
    add("--device", dest="callproof_device", choices=[*Device], help="where the models run (default: cpu)")
    add("--dtype", dest="callproof_dtype", choices=[*DType], help="default: float32 on cpu and mps, float16 on cuda")
    add("--merged", dest="callproof_merged", action="store_true", help="only the merged form of the candidate")
    add("--adapter", dest="callproof_adapter", action="store_true", help="only the adapter form of the candidate")
    add("--matrix", dest="callproof_matrix", choices=["full"], help="every cell this machine can run")
    add("--base-model", dest="callproof_base", metavar="ID_OR_DIR", help="default: the embedded base")
    add("--candidate", dest="callproof_candidate", metavar="ID_OR_DIR", help="default: candidates/SUITE/STAGE")
    add("--suite", dest="callproof_suite", metavar="DIR", help="run this suite only")
    add("--baseline", dest="callproof_baseline", metavar="RECORD", help="an earlier record, to fall behind which fails")
    add("--strict-cases", dest="callproof_strict", action="store_true", help="every missed case fails")
    add("--store", dest="callproof_store", metavar="DIR", help="where completions are kept (default: .callproof)")
    add("--no-store", dest="callproof_no_store", action="store_true", help="generate everything anew, keep nothing")
    add("--store-size", dest="callproof_store_size", metavar="MB", type=int, help="at most this much (default: 512)")
    add("--report", dest="callproof_report", metavar="DIR", help="where the record is written (default: reports)")


def read_options(config: pytest.Config) -> Options:
    """The options of a session, checked; UsageError for what this machine or these files cannot give."""
    baseline: str | None = config.getoption("callproof_baseline")
    base: str | None = config.getoption("callproof_base")
    return Options(
        cells=_cells(config),
        full_matrix=_is_full(config),
        base_model=base or shown(config.rootpath / EMBEDDED_BASE),
        candidate=config.getoption("callproof_candidate"),
        suite=_suite(config.getoption("callproof_suite")),
        baseline=None if baseline is None else _baseline(Path(baseline)),
        baseline_path=baseline,
        strict_cases=bool(config.getoption("callproof_strict")),
        report=_report(config),
        store=_store(config),
        store_bytes=_store_bytes(config),
    )


def _is_full(config: pytest.Config) -> bool:
    return bool(config.getoption("callproof_matrix") == "full")


def _cells(config: pytest.Config) -> tuple[Cell, ...]:
    merged, adapter = config.getoption("callproof_merged"), config.getoption("callproof_adapter")
    if merged and adapter:
        raise pytest.UsageError("--merged and --adapter exclude each other: give one, or none for both forms")
    forms = (Form.MERGED,) if merged else (Form.ADAPTER,) if adapter else CANDIDATE_FORMS
    device, dtype = config.getoption("callproof_device"), config.getoption("callproof_dtype")
    if _is_full(config):
        if device or dtype:
            raise pytest.UsageError("--matrix full takes every device and dtype: leave out --device and --dtype")
        return full_matrix(forms)
    cells = plan_cells(Device(device or Device.CPU), DType(dtype) if dtype else None, forms)
    if device and device != Device.CPU:  # the CPU is always there, and asking would import torch
        _check_available(cells[0])
    return cells


def _check_available(cell: Cell) -> None:
    reason = unavailable(cell)
    if reason is not None:
        raise pytest.UsageError(f"--device {cell.device}: {reason}; leave it out to run on the CPU")


def _suite(given: str | None) -> Path | None:
    if given is None:
        return None
    root = Path(given)
    if not (root / "stages.toml").is_file():
        raise pytest.UsageError(f"--suite {given}: no suite there; give a folder that holds a stages.toml")
    return normal(given)


def _baseline(path: Path) -> Record:
    try:
        return read_record(path)
    except DataError as error:
        raise pytest.UsageError(f"--baseline: {error}") from error


def _report(config: pytest.Config) -> Path:
    """The report folder, which need not be there yet. One that was asked for is checked before anything is run."""
    given: str | None = config.getoption("callproof_report")
    if given is None:
        return config.rootpath / "reports"
    folder = normal(given)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise pytest.UsageError(f"--report {given}: {there} is no folder; give one that can be written")
    if not os.access(there, os.W_OK | os.X_OK):
        raise pytest.UsageError(f"--report {given}: {there} cannot be written; give a folder that can")
    return folder


def _store(config: pytest.Config) -> Path | None:
    """The folder of the store; None where there is to be none. One that cannot be used costs a warning, no more."""
    given: str | None = config.getoption("callproof_store")
    if config.getoption("callproof_no_store"):
        if given is not None:
            raise pytest.UsageError("--store and --no-store exclude each other")
        return None
    return config.rootpath / ".callproof" if given is None else normal(given)


def _store_bytes(config: pytest.Config) -> int:
    megabytes: int | None = config.getoption("callproof_store_size")
    if megabytes is not None and megabytes < 1:
        raise pytest.UsageError(f"--store-size {megabytes}: give at least 1 (megabyte), or --no-store")
    return LIMIT if megabytes is None else megabytes * 2**20
