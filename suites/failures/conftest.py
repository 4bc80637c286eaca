"""One workshop a session; what each test sees of its candidate goes into the record and the table."""

from collections.abc import Callable, Iterable

import pytest

from harness.failures.catalogue import Code
from harness.items import rows_key
from harness.report.rows import FaultRow

from .observation import Observation
from .workshop import Workshop

Note = Callable[[str, Iterable[Code], Observation, str], None]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where candidates are made."""
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(autouse=True)
def no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL sends none under CI."""
    monkeypatch.setenv("CI", "1")


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Put a row of the table into the record: the fault, the codes due, what was found, and the symptom."""
    rows = request.node.stash.setdefault(rows_key, [])

    def add(fault: str, due: Iterable[Code], seen: Observation, symptom: str) -> None:
        rows.append(FaultRow(fault=fault, due=tuple(due), found=tuple(sorted(seen.findings)), symptom=symptom))

    return add
