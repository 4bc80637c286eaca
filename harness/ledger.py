"""The ledger of a session: rows from all items and workers, made into one record at the end, and told in text."""

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import CallproofError
from harness.files import sha256_file
from harness.jsontypes import Json
from harness.options import Options
from harness.paths import shown
from harness.report.record import Record, gather, to_line, write_record
from harness.report.rows import FORMAT, FaultRow, Row, RunRow, row_from_json
from harness.report.tables import comparison_table, fault_table, finding_lines, gate_table
from harness.suites import Suite
from harness.versions import installed_version

PACKAGES = ("callproof", "torch", "transformers", "peft", "tokenizers", "safetensors", "pytest")


def rows_to_text(rows: Iterable[Row]) -> str:
    """Rows as they travel with a report, from a worker too: what execnet and JSON both take."""
    return "\n".join(to_line(row) for row in rows)


def rows_from_text(text: str) -> list[Row]:
    """The rows of a report of ours."""
    return [row_from_json(json.loads(line)) for line in text.splitlines()]


class Ledger:
    """Collects rows; `close` writes the record, `account` tells what it says."""

    def __init__(self, options: Options, suites: list[Path]) -> None:
        self._options = options
        self._suites = suites
        self._rows: list[Row] = []
        self._record: Record | None = None
        self._path: Path | None = None
        self._error: str | None = None

    def add(self, rows: Iterable[Row]) -> None:
        """Take the rows of one report."""
        self._rows += rows

    def close(self, exit_status: int) -> bool:
        """Write the record if there is anything to record; False where it could not be written."""
        if not self._rows:
            return True
        moment = datetime.now(UTC)
        try:
            self._record = gather(self._run_row(moment, exit_status), self._rows)
            self._path = self._options.report / f"run-{moment:%Y%m%d-%H%M%S}-{os.getpid()}.jsonl"
            write_record(self._path, self._record)
        except CallproofError as error:
            self._error = str(error)
        return self._error is None

    def account(self) -> list[tuple[str, list[str]]]:
        """Sections of the terminal's account, each a title and its lines; none where nothing of ours was run."""
        if self._record is None:
            return [("record", [self._error])] if self._error is not None else []
        sections = [
            (
                "comparison with the base (95 % intervals, on the same cases)",
                comparison_table(self._record).splitlines() if self._record.cells else [],
            ),
            ("faults made on purpose", fault_table(self._record).splitlines() if self._record.faults else []),
            ("findings", finding_lines(self._record)),
            ("gates", gate_table(self._record).splitlines() if self._record.gates else []),
            ("store", _stored(self._record)),
            ("record", [self._error if self._error is not None else shown(self._path or self._options.report)]),
        ]
        return [(title, lines) for title, lines in sections if lines]

    def _run_row(self, moment: datetime, exit_status: int) -> RunRow:
        return RunRow(
            format=FORMAT,
            created=moment.isoformat(timespec="seconds"),
            exit_status=exit_status,
            settings=self._options.settings(),
            versions=dict(_versions()),
            files=self._hashes(),
        )

    def _hashes(self) -> dict[str, Json]:
        """The files of the suites that were run, under paths a reader elsewhere can follow."""
        run = {row.suite for row in self._rows if not isinstance(row, RunRow | FaultRow)}
        suites = [suite for suite in map(Suite.load, self._suites) if suite.name in run]
        return {
            shown(path): sha256_file(path)
            for suite in suites
            for path in (suite.root / "stages.toml", suite.root / "functions.json", *suite.case_files())
        }


def _stored(record: Record) -> list[str]:
    """What the store saved, if anything."""
    stored = sum(cell.stored for cell in record.cells)
    generated = sum(cell.cases for cell in record.cells) - stored
    loaded = "no model was loaded" if generated == 0 else f"{generated} were generated"
    return [f"{stored} completions are those of earlier runs; {loaded}"] if stored else []


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    versions = {package: installed_version(package) for package in PACKAGES}
    return found | {package: version for package, version in versions.items() if version is not None}
