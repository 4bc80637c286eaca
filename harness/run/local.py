"""The default source of models: base and candidates on this machine, run by the local engine or read from the store."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.calls.writing import render_calls
from harness.failures.adapter_files import audit_adapter, runnable
from harness.failures.prompts import check_prompt
from harness.files import sha256_file
from harness.findings import Finding
from harness.jsontypes import Json
from harness.models.candidate import ADAPTER_CONFIG, ADAPTER_WEIGHTS, Candidate, check_made_for, load_candidate
from harness.models.decoding import Backend, LocalEngine
from harness.models.fingerprint import base_fingerprint
from harness.models.matrix import Cell, Device, Form
from harness.models.store import Store
from harness.models.stored import StoredBackend, StoredTokens, versions
from harness.paths import shown
from harness.run.source import Facts, Opened, Prepared
from harness.stages import Stage
from harness.suites import Case, Suite

BATCH_SIZE = 32
_NVIDIA = Path("/proc/driver/nvidia/gpus")


@dataclass(slots=True, kw_only=True)
class LocalSource:
    """A base and candidates in folders or the Hub's cache. `candidate` None means the default folder of each stage.

    With a store, what it holds is neither rendered nor generated again.
    """

    root: Path
    base: str
    candidate: str | None
    store: Store = field(default_factory=lambda: Store(None))
    _tokens: StoredTokens = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is loaded yet."""
        self._tokens = StoredTokens(self.base, self.store)

    def prepare(self, suite: Suite, stage: Stage, cases: Sequence[Case]) -> Prepared:
        """Prompts by the tokenizer's own chat template, each looked over for what the template lost."""
        prompts = self._tokens.prompts(stage.functions, [case.request for case in cases], suite.developer)
        findings = [
            found
            for prompt in prompts
            for found in check_prompt(prompt.text, stage.functions, developer=suite.developer)
        ]
        return Prepared(prompts=prompts, drafts=self._drafts(cases), findings=tuple(dict.fromkeys(findings)))

    def open(self, suite: Suite, stage: Stage, cell: Cell) -> Opened:
        """Make ready to load the cell's model, unless its files show that it would not be the one meant.

        Files are checked before torch is imported, so that a missing one is told at once.
        """
        base_sha256 = base_fingerprint(self.base)
        candidate = None if cell.form is Form.BASE else self._candidate(suite, stage)
        findings: tuple[Finding, ...] = ()
        if candidate is not None:
            check_made_for(candidate, base_sha256, stage.functions)
            findings = (*candidate.findings(), *audit_adapter(candidate, self.base).findings)
        facts = Facts(
            model=self.base if candidate is None else self._candidate_name(suite, stage),
            base_sha256=base_sha256,
            adapter_sha256=None if candidate is None else sha256_file(candidate.folder / ADAPTER_WEIGHTS),
            template_sha256=self._tokens.template_sha256,
            batch_size=BATCH_SIZE,
        )
        backend = self._backend(cell, candidate, facts) if runnable(findings) else None
        return Opened(backend=backend, facts=facts, findings=findings)

    def _backend(self, cell: Cell, candidate: Candidate | None, facts: Facts) -> StoredBackend:
        folder = None if candidate is None else candidate.folder

        def load() -> Backend:
            from harness.models.loading import load_cell_model

            model = load_cell_model(self.base, folder, cell)
            return LocalEngine(model, self._tokens.tokenizer, batch_size=BATCH_SIZE)

        identity: list[Json] = [
            facts.base_sha256,
            facts.adapter_sha256,
            None if folder is None else sha256_file(folder / ADAPTER_CONFIG),
            cell.form.value,
            cell.dtype.value,
            *_device_kind(cell.device),
            self._tokens.identity,  # with the stop tokens, whose ids are the tokenizer's
            *versions("callproof", "torch", "transformers", "peft"),
        ]
        return StoredBackend(identity=identity, load=load, batch_size=BATCH_SIZE, store=self.store)

    def _candidate(self, suite: Suite, stage: Stage) -> Candidate:
        return load_candidate(self._candidate_name(suite, stage), suite=shown(suite.root), stage=stage.name)

    def _candidate_name(self, suite: Suite, stage: Stage) -> str:
        return self.candidate or shown(self.root / "candidates" / suite.name / stage.name)

    def _drafts(self, cases: Sequence[Case]) -> tuple[tuple[int, ...] | None, ...]:
        """The expected calls as they would be written; None where none are."""
        texts = [render_calls(call.example() for call in case.expected) for case in cases if case.expected]
        written = iter(self._tokens.ids(texts))
        return tuple(next(written) if case.expected else None for case in cases)


def _device_kind(device: Device) -> list[Json]:
    """What computes: the processor's architecture, or the GPUs' names, which the driver gives without torch."""
    if device is not Device.CUDA:
        return [device.value, platform.machine()]
    told = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(_NVIDIA.glob("*/information"))]
    models = sorted({line.partition(":")[2].strip() for text in told for line in text.splitlines() if "Model:" in line})
    return [device.value, *models]
