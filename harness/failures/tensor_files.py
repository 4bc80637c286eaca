"""Tensors in a safetensors file, one at a time in bounded memory, without torch."""

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from harness.errors import CandidateError

_NUMPY: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
_AT_ONCE = 1 << 22  # numbers looked at in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A tensor as the file describes it, and where its bytes lie."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def peak(self) -> float:
        """Its largest absolute value: NaN or infinity where it holds one, 0.0 where it is empty."""
        return max(self._peaks(), default=0.0, key=lambda peak: math.inf if math.isnan(peak) else peak)

    def _peaks(self) -> Iterator[float]:
        stored = np.memmap(self.path, dtype=_NUMPY[self.dtype], mode="r", offset=self.offset, shape=(self.count,))
        for start in range(0, self.count, _AT_ONCE):
            part = np.asarray(stored[start : start + _AT_ONCE])
            if self.dtype == "BF16":
                part = (part.astype(np.uint32) << 16).view(np.float32)
            yield float(np.abs(part).max())


def read_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """The tensors of a safetensors file, in the order of their names; only its header is read.

    Raises CandidateError when the file is cut, damaged or no safetensors file, or holds what are no floating numbers.
    """
    try:
        with safe_open(path, framework="numpy"):  # checks lengths, offsets and shapes against the file
            pass
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
    except (SafetensorError, OSError, ValueError) as error:
        raise CandidateError(f"no readable safetensors file: {error}", path=path, remedy="save it again") from error
    found = [
        StoredTensor(
            path=path,
            name=name,
            dtype=entry["dtype"],
            shape=tuple(entry["shape"]),
            offset=8 + size + entry["data_offsets"][0],
        )
        for name, entry in sorted(header.items())
        if name != "__metadata__"
    ]
    odd = next((tensor for tensor in found if tensor.dtype not in _NUMPY), None)
    if odd is not None:
        raise CandidateError(
            f"{odd.name} is stored as {odd.dtype}",
            path=path,
            remedy="save the adapter in float32, float16 or bfloat16",
        )
    return tuple(found)
