"""The lines of a record: what was measured, as frozen data that go to JSON and come back checked."""

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeAlias, cast, get_args, get_origin, get_type_hints

from harness.calls.judge import Outcome
from harness.findings import Severity
from harness.jsontypes import Json

FORMAT = 1


class GateStatus(StrEnum):
    """What a gate decided; VOID where a critical finding makes any score meaningless."""

    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """The first line, how the run was made: `files` are SHA-256 of the suites' files, `exit_status` is pytest's."""

    format: int
    created: str
    exit_status: int
    settings: dict[str, Json]
    versions: dict[str, Json]
    files: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding; `acknowledged` is the reason the suite gives for living with it."""

    code: str
    severity: Severity
    evidence: str
    cause: str
    remedy: str
    where: str
    acknowledged: str | None

    @property
    def voids(self) -> bool:
        """Whether no score of its cell counts."""
        return self.severity is Severity.CRITICAL and self.acknowledged is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """One stage in one cell: what was run, and what was found wrong with it. Hashes are None where there are none.

    `stored` of its `cases` came out of the store.
    """

    suite: str
    stage: str
    cell: str
    base: bool
    model: str
    base_sha256: str | None
    adapter_sha256: str | None
    template_sha256: str | None
    functions_sha256: str
    batch_size: int | None
    cases: int
    stored: int
    findings: tuple[FindingRow, ...]

    @property
    def void(self) -> bool:
        """Whether a critical finding makes its scores meaningless."""
        return any(finding.voids for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One error of a verdict; `argument` is a dotted path."""

    code: str
    call: int | None
    argument: str | None
    expected: Json
    got: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One case in one cell. `margin` is None where the smallest top-1/top-2 gap of the logits is no finite number."""

    suite: str
    stage: str
    cell: str
    case: str
    wild: bool
    outcome: Outcome
    errors: tuple[ErrorRow, ...]
    output: str
    tokens: int
    stop: str
    margin: float | None
    finite: bool

    @property
    def correct(self) -> bool:
        """Whether the right call (or none, where none was due) was made."""
        return self.outcome is Outcome.CORRECT


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """What a gate decided over the cases that count (`total`), those tagged wild left out. No score when VOID."""

    suite: str
    stage: str
    cell: str
    gate: str
    status: GateStatus
    floor: float | None
    correct: int | None
    total: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """A candidate broken on purpose, or (with no codes due) a sound one: the codes due, its own first, and those found.

    `symptom` says what was seen of it.
    """

    fault: str
    due: tuple[str, ...]
    found: tuple[str, ...]
    symptom: str


Row: TypeAlias = RunRow | CellRow | CaseRow | GateRow | FaultRow
KINDS: dict[str, type[Row]] = {"run": RunRow, "cell": CellRow, "case": CaseRow, "gate": GateRow, "fault": FaultRow}


def row_to_json(row: Row) -> Json:
    """A row as a JSON object, its kind first."""
    kind = next(name for name, row_type in KINDS.items() if isinstance(row, row_type))
    return {"kind": kind, **_object(row)}


def row_from_json(value: Json) -> Row:
    """The row a JSON object holds; ValueError for a missing or unknown key and for a value of a wrong type."""
    row_type = KINDS.get(str(value.get("kind"))) if isinstance(value, dict) else None
    if row_type is None or not isinstance(value, dict):
        raise ValueError(f"it must be an object whose kind is one of {', '.join(KINDS)}")
    return cast(Row, _build(row_type, {name: part for name, part in value.items() if name != "kind"}))


def _object(row: Any) -> dict[str, Json]:
    return {item.name: _plain(getattr(row, item.name)) for item in fields(row)}


def _plain(value: Any) -> Json:
    if isinstance(value, tuple):
        return [_object(part) if is_dataclass(part) else part for part in value]
    return cast(Json, value)


def _build(row_type: type, values: dict[str, Json]) -> object:
    hints = _hints(row_type)
    if odd := sorted(set(values) ^ set(hints)):
        raise ValueError(f"missing or unknown key {odd[0]!r}")
    return row_type(**{name: _read(name, values[name], hint) for name, hint in hints.items()})


@cache  # they are looked up for every row of a run, and take longer than the rest of its reading
def _hints(row_type: type) -> dict[str, Any]:
    return get_type_hints(row_type)


def _read(name: str, value: Json, hint: Any) -> object:
    """`value` as `hint` wants it; ValueError where it does not fit."""
    arguments, origin = get_args(hint), get_origin(hint)
    if origin is UnionType:
        # Two members are a type or None; more are Json itself, any value.
        return value if value is None or len(arguments) > 2 else _read(name, value, arguments[0])
    if origin is tuple and isinstance(value, list):
        return tuple(_read(name, part, arguments[0]) for part in value)
    if is_dataclass(hint) and isinstance(value, dict):
        return _build(cast(type, hint), value)
    if isinstance(hint, type) and issubclass(hint, StrEnum) and isinstance(value, str):
        return hint(value)
    if not _is_plain(value, origin or hint):
        raise ValueError(f"{name} has a wrong type")
    return value


def _is_plain(value: Json, wanted: type) -> bool:
    # Not isinstance: a bool would pass for an int.
    return type(value) is wanted or (wanted is float and type(value) is int)
