"""Where a run gets its models from: the one seam between the plugin and an engine.

The local engine is the default. Another comes in through the pytest hook `pytest_callproof_source(config)`, which
gives a `ModelSource`, or None to leave the choice to the next:

    def pytest_callproof_source(config):
        return MyEndpoint(url="http://localhost:8000")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.findings import Finding
from harness.models.matrix import Cell
from harness.stages import Stage
from harness.suites import Case, Suite

if TYPE_CHECKING:
    from harness.calls.prompt import Prompt
    from harness.models.decoding import Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was run, for the record; None where a source has no such thing. Hashes are SHA-256."""

    model: str
    base_sha256: str | None = None
    adapter_sha256: str | None = None
    template_sha256: str | None = None
    batch_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A back end ready to complete prompts, and what was found wrong while opening it.

    No back end where a critical finding says that the model cannot run as it was meant.
    """

    backend: "Backend | None"
    facts: Facts
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Prompts in the order of the cases, the likely answers as drafts (None for no guess), and what is wrong with them.

    A draft changes what a completion costs, never what it is; a back end may leave it alone.
    """

    prompts: "tuple[Prompt, ...]"
    drafts: tuple[tuple[int, ...] | None, ...]
    findings: tuple[Finding, ...] = ()


class ModelSource(Protocol):
    """Prompts and back ends for a suite's stages. Raises CallproofError where a model is missing or does not fit."""

    def prepare(self, suite: Suite, stage: Stage, cases: Sequence[Case]) -> Prepared:
        """The prompts of the cases' requests with the stage's functions declared."""

    def open(self, suite: Suite, stage: Stage, cell: Cell) -> Opened:
        """The base (where the cell's form is `base`) or the stage's candidate, loaded as the cell asks."""
