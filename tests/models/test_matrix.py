"""The cells of a run, and why a machine cannot run one."""

import subprocess
import sys

import pytest
import torch

from harness.models.matrix import Cell, Device, DType, Form, default_dtype, full_matrix, plan_cells, unavailable


def test_everyday_cells() -> None:
    assert [cell.id for cell in plan_cells()] == ["cpu-float32-adapter", "cpu-float32-merged"]
    assert [cell.id for cell in plan_cells(Device.CUDA, None, [Form.MERGED])] == ["cuda-float16-merged"]
    assert [cell.id for cell in plan_cells(Device.CPU, DType.BFLOAT16, [Form.BASE])] == ["cpu-bfloat16-base"]
    assert default_dtype(Device.MPS) is DType.FLOAT32


def test_full_matrix_holds_every_cell_once() -> None:
    cells = full_matrix()
    assert len(cells) == len(set(cells)) == 3 * 3 * 2
    assert len(full_matrix(list(Form))) == 27


@pytest.mark.parametrize("dtype", list(DType))
def test_the_cpu_runs_everything(dtype: DType) -> None:
    assert unavailable(Cell(Device.CPU, dtype, Form.MERGED)) is None


def test_absent_devices_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert "no CUDA device" in str(unavailable(Cell(Device.CUDA, DType.FLOAT16, Form.BASE)))
    assert "no MPS device" in str(unavailable(Cell(Device.MPS, DType.FLOAT32, Form.BASE)))


def test_devices_without_bfloat16_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old GPU")
    assert unavailable(Cell(Device.CUDA, DType.BFLOAT16, Form.BASE)) == "Old GPU has no bfloat16"
    assert unavailable(Cell(Device.CUDA, DType.FLOAT16, Form.BASE)) is None


def test_describing_models_imports_no_torch() -> None:
    modules = ["matrix", "candidate", "fingerprint", "loading", "segments", "decoding"]
    code = "; ".join(f"import harness.models.{name}" for name in modules) + "; import trainer.recipe, sys"
    heavy = "{'torch', 'transformers', 'peft', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{code}; assert not ({heavy}), {heavy}"], check=True)
