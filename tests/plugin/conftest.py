"""The project the plugin's tests run pytest in: the toy suite under `suites/toy`, answered by the fake source."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.jsontypes import Json
from harness.report.record import Record, read_record
from tests.plugin.fake import write_suite

CONFTEST = """\
from tests.plugin.fake import FakeSource

pytest_plugins = ["harness.plugin"]


def pytest_callproof_source(config):
    return FakeSource(config.rootpath)
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project in a folder of its own."""

    pytester: pytest.Pytester

    @property
    def root(self) -> Path:
        return self.pytester.path

    @property
    def suite(self) -> Path:
        return self.root / "suites" / "toy"

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest(*arguments)

    def answers(self, **sides: Json) -> None:
        """What the fake models say instead: `candidate={case id: output}`, `base=...`, `not_finite=["base"]`."""
        (self.root / "answers.json").write_text(json.dumps(sides), encoding="utf-8")

    def record(self, folder: str = "reports") -> Record:
        """The one record written."""
        (path,) = (self.root / folder).iterdir()
        return read_record(path)

    def log(self) -> list[str]:
        return (self.root / "log.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The toy project; subprocesses find the harness and these tests too."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    write_suite(pytester.path / "suites" / "toy")
    pytester.makeini("[pytest]\nstrict = true\ntestpaths = tests suites\n")
    pytester.makeconftest(CONFTEST)
    return Project(pytester)


@pytest.fixture
def local_project(project: Project) -> Project:
    """The same without the fake: the local engine's own checks, on files that only look like a base."""
    project.pytester.makeconftest('pytest_plugins = ["harness.plugin"]\n')
    base = project.root / "fixtures" / "tiny-functiongemma"
    base.mkdir(parents=True)
    (base / "config.json").write_text("{}", encoding="utf-8")
    (base / "model.safetensors").write_bytes(b"weights")
    return project
