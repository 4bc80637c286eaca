"""Devices that are asked for, and devices that are not there."""

import pytest
import torch  # here, not within a test: pytester forgets modules imported later, and torch cannot be imported twice

from tests.plugin.conftest import Project


def test_an_explicit_device_that_is_not_there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = project.run("--device", "cuda", "--merged")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --device cuda: no CUDA device*; leave it out to run on the CPU"])


def test_cells_of_the_full_matrix_that_are_not_there_skip_with_the_reason(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    result = project.run("--matrix", "full", "-m", "stage1", "--merged", "-rs")
    assert result.parseoutcomes() | {"deselected": 0} == {"passed": 18, "skipped": 36, "deselected": 0}
    result.stdout.fnmatch_lines(["*cuda-float16-merged: no CUDA device*"])
