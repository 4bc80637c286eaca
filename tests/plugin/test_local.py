"""The default source: a base and an adapter with random weights, through the real engine."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from harness.models.loading import no_upstream_warnings
from harness.report.rows import GateStatus
from tests.models.tiny import save_base, tiny_model
from tests.plugin.conftest import Project

TEMPLATE = Path(__file__).parents[2] / "fixtures" / "chat_template.jinja"


@pytest.fixture
def trained(local_project: Project) -> Project:
    """The toy project with a base and, at stage1, a candidate that calls nothing right."""
    torch.set_num_threads(1)
    save_base(local_project.root / "fixtures" / "tiny-functiongemma", template=TEMPLATE.read_text(encoding="utf-8"))
    settings = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    with no_upstream_warnings():
        adapted = get_peft_model(tiny_model(), settings)
    folder = local_project.root / "candidates" / "toy" / "stage1"
    adapted.save_pretrained(str(folder), save_embedding_layers=False)
    return local_project


def test_a_base_and_its_candidate_are_measured(trained: Project) -> None:
    result = trained.run("-m", "stage1", "-W", "error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "errors" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["FAILED: * floor 75.0%", "*note: no_manifest: *"])
    record = trained.record()
    assert len(record.cases) == 3 * 5
    assert {row.finite for row in record.cases} == {True}
    base, merged = (next(row for row in record.cells if row.cell.endswith(form)) for form in ("base", "merged"))
    assert base.base_sha256 == merged.base_sha256
    assert (base.adapter_sha256, merged.model) == (None, "candidates/toy/stage1")
    assert merged.template_sha256
    assert merged.batch_size


def test_a_nan_adapter_is_void_in_both_forms(trained: Project) -> None:
    path = trained.root / "candidates" / "toy" / "stage1" / "adapter_model.safetensors"
    weights = load_file(path)
    first = min(weights)
    save_file({**weights, first: torch.full_like(weights[first], float("nan"))}, path, metadata={"format": "pt"})
    result = trained.run("-m", "stage1", "-W", "error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "errors" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["VOID: weights_not_finite: *", "critical: weights_not_finite*"])
    record = trained.record()
    assert [gate.status for gate in record.gates] == [GateStatus.VOID] * 2
    assert {row.cell for row in record.cases} == {"cpu-float32-base"}
