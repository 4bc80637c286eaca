"""Errors and findings are one clear line each, whatever untrusted text they carry."""

from pathlib import Path

import pytest

from harness.errors import CallproofError, CandidateError, DataError, DeviceError, OutputError, PromptError
from harness.findings import Finding, Severity


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError("broken"), "broken"),
        (DataError("broken", remedy="mend it"), "broken; mend it"),
        (DataError("broken", path=Path("a") / "b"), "a/b: broken"),
        (DataError("broken", path="a", line=3, remedy="mend it"), "a:3: broken; mend it"),
        (DataError("two\nlines \x1b[31m"), "two lines \\x1b[31m"),
        (DataError("broken", remedy="mend it").at("a", 3), "a:3: broken; mend it"),
    ],
)
def test_an_error_is_one_line_with_its_place_first(error: CallproofError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("kind", [DataError, PromptError, CandidateError, DeviceError, OutputError])
def test_every_error_is_built_alike_and_keeps_its_kind(kind: type[CallproofError]) -> None:
    assert type(kind("what", path="a", line=1, remedy="r").at("b")) is kind


def test_a_finding_is_one_line() -> None:
    finding = Finding(
        code="c", severity=Severity.WARNING, where="f.a", evidence="seen\n\x07", cause="because", remedy="mend it"
    )
    assert finding.line() == "warning: c [f.a]: seen \\x07; because; mend it"
