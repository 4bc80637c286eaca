"""The suites of a session, each file read once however many collectors and gates ask for it."""

from pathlib import Path

from harness.stages import Stage
from harness.suites import Case, Suite, declares, load_cases


class Library:
    """Suites by folder and cases by file."""

    def __init__(self) -> None:
        self._suites: dict[Path, Suite] = {}
        self._cases: dict[Path, tuple[Case, ...]] = {}
        self._seen: dict[Path, dict[str, Case]] = {}

    def suite(self, root: Path) -> Suite:
        """The suite in a folder; DataError if it is none."""
        if root not in self._suites:
            self._suites[root] = Suite.load(root)
        return self._suites[root]

    def cases_in(self, path: Path) -> tuple[Case, ...]:
        """The cases of one file of `SUITE/cases/`; DataError names the line of a bad one."""
        if path not in self._cases:
            root = path.parent.parent
            self._cases[path] = load_cases(path, self.suite(root), self._seen.setdefault(root, {}))
        return self._cases[path]

    def cases_of(self, suite: Suite, stage: Stage) -> list[Case]:
        """Every case of the suite that runs at `stage`, whether or not it was collected."""
        return [case for path in suite.case_files() for case in self.cases_in(path) if declares(stage, case)]

    def suites(self) -> list[Suite]:
        """The suites read so far."""
        return list(self._suites.values())
