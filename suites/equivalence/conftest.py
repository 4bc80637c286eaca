"""One candidate a session: the one that `--candidate` names, or one trained for the purpose."""

from pathlib import Path

import pytest

from harness.options import read_options
from harness.paths import EMBEDDED_BASE

from .subjects import ROOT, Subjects, short_training, with_a_narrow_window


@pytest.fixture(scope="session")
def subjects(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    """The base and the candidate under test."""
    options = read_options(pytestconfig)
    if options.candidate is not None:
        return Subjects(options.base_model, Path(options.candidate))
    return Subjects(str(ROOT / EMBEDDED_BASE), short_training(tmp_path_factory.mktemp("candidates") / "all"))


@pytest.fixture(scope="session")
def narrow(subjects: Subjects, tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    """The same weights with a sliding window that is shorter than any request."""
    base = with_a_narrow_window(Path(subjects.base), tmp_path_factory.mktemp("narrow") / "base")
    return Subjects(str(base), subjects.candidate)


@pytest.fixture(autouse=True)
def no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL sends none under CI."""
    monkeypatch.setenv("CI", "1")
