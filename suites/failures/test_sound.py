"""Three sound candidates, in which nothing may be found."""

import dataclasses

import pytest

from harness.files import sha256_file
from harness.models.candidate import ADAPTER_WEIGHTS, CandidateManifest

from .conftest import Note
from .observation import Observation
from .workshop import Made, Workshop

pytestmark = pytest.mark.failures


def test_rank_16(workshop: Workshop, note: Note) -> None:
    nothing(workshop.sound(), note)


def test_rank_8(workshop: Workshop, note: Note) -> None:
    """Half the parameters of rank 16, and no smaller in any way that matters."""
    nothing(workshop.sound("sound, r 8", r=8, alpha=16), note)


def test_saved_in_half_precision(workshop: Workshop, note: Note) -> None:
    """Half the bytes, and all of the adapter: a file's size proves nothing."""
    from safetensors.torch import load_file, save_file

    made = workshop.sound("sound, float16", seed=1)
    path = made.folder / ADAPTER_WEIGHTS
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    manifest = CandidateManifest.read(made.folder)
    dataclasses.replace(manifest, adapter_sha256=sha256_file(path)).write(made.folder)
    nothing(made, note)


def nothing(made: Made, note: Note) -> None:
    seen = Observation(made)
    right = sum(row.correct for row in seen.answers)
    note(made.folder.name, (), seen, f"{right} of {len(seen.answers)} answers are right")
    assert seen.findings == {}
    assert right > len(seen.answers) / 2
