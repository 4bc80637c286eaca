"""The matrix of cells (device x dtype x form), described without torch, so that collecting tests stays cheap."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Device(StrEnum):
    """Where a cell runs; the values are torch's device types."""

    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class DType(StrEnum):
    """The dtype of a cell's weights; the values are torch's names."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Form(StrEnum):
    """What is run: the base alone, the adapter on top of it, or the adapter merged into it."""

    BASE = "base"
    ADAPTER = "adapter"
    MERGED = "merged"


CANDIDATE_FORMS = (Form.ADAPTER, Form.MERGED)


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the matrix."""

    device: Device
    dtype: DType
    form: Form

    @property
    def id(self) -> str:
        """The cell as it stands in test ids and records, `cpu-float32-merged`."""
        return f"{self.device}-{self.dtype}-{self.form}"


def default_dtype(device: Device) -> DType:
    """The dtype a device runs in when none is asked for: float16 on CUDA, float32 elsewhere."""
    return DType.FLOAT16 if device is Device.CUDA else DType.FLOAT32


def plan_cells(
    device: Device = Device.CPU,
    dtype: DType | None = None,
    forms: Sequence[Form] = CANDIDATE_FORMS,
) -> tuple[Cell, ...]:
    """The cells of an everyday run: one device, one dtype (the device's own when None), the given forms in order."""
    chosen = dtype or default_dtype(device)
    return tuple(Cell(device, chosen, form) for form in dict.fromkeys(forms))


def full_matrix(forms: Sequence[Form] = CANDIDATE_FORMS) -> tuple[Cell, ...]:
    """Every cell of the matrix, whether or not this machine can run it; see `unavailable`."""
    return tuple(Cell(device, dtype, form) for device in Device for dtype in DType for form in dict.fromkeys(forms))


def unavailable(cell: Cell) -> str | None:
    """Why this machine cannot run the cell, or None when it can. Imports torch."""
    import torch

    if cell.device is Device.CUDA:
        if not torch.cuda.is_available():
            return "no CUDA device: torch.cuda.is_available() is false"
        if cell.dtype is DType.BFLOAT16 and not torch.cuda.is_bf16_supported():
            return f"{torch.cuda.get_device_name()} has no bfloat16"
    if cell.device is Device.MPS:
        if not torch.backends.mps.is_available():
            return "no MPS device: torch.backends.mps.is_available() is false"
        if cell.dtype is DType.BFLOAT16 and not torch.backends.mps.is_macos_or_newer(14, 0):
            return "bfloat16 on MPS needs macOS 14 or newer"
    return None
