"""A finding: one diagnosed failure, in a form that reports, gates and terminals share."""

from dataclasses import dataclass
from enum import StrEnum

from harness.errors import one_line
from harness.jsontypes import Json


class Severity(StrEnum):
    """How much a finding matters: a critical one makes a run's score void."""

    NOTE = "note"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One diagnosed failure: what was seen, why, what to do about it, and where it was seen."""

    code: str
    severity: Severity
    evidence: str
    cause: str
    remedy: str
    where: str = ""

    def line(self) -> str:
        """The finding on one line for a terminal."""
        where = f" [{self.where}]" if self.where else ""
        return one_line(f"{self.severity}: {self.code}{where}: {self.evidence}; {self.cause}; {self.remedy}")

    def json(self) -> dict[str, Json]:
        """The finding as the command line prints it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "where": self.where,
            "evidence": self.evidence,
            "cause": self.cause,
            "remedy": self.remedy,
        }
