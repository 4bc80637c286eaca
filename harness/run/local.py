"""The default source of models: a base and candidates on this machine, run by the local engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.failures.adapter_files import audit_adapter, runnable
from harness.findings import Finding
from harness.models.candidate import Candidate, check_made_for, load_candidate
from harness.models.fingerprint import base_fingerprint
from harness.models.matrix import Cell, Form
from harness.paths import shown
from harness.run.source import Facts, Opened, Prepared
from harness.stages import Stage
from harness.suites import Case, Suite

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from harness.calls.prompt import Prompt

BATCH_SIZE = 32


@dataclass(slots=True, kw_only=True)
class LocalSource:
    """A base and candidates in folders or the Hub's cache. `candidate` None means the default folder of each stage."""

    root: Path
    base: str
    candidate: str | None
    _tokenizer: "PreTrainedTokenizerBase | None" = field(default=None, init=False)
    _prompts: "dict[tuple[Path, str, str], Prompt]" = field(default_factory=dict, init=False)

    def prepare(self, suite: Suite, stage: Stage, cases: Sequence[Case]) -> Prepared:
        """Prompts by the tokenizer's own chat template, each looked over for what the template lost."""
        from harness.failures.prompts import check_prompt

        prompts = tuple(self._prompt(suite, stage, case) for case in cases)
        findings = [
            found
            for prompt in prompts
            for found in check_prompt(prompt.text, stage.functions, developer=suite.developer)
        ]
        drafts = tuple(self._draft(case) for case in cases)
        return Prepared(prompts=prompts, drafts=drafts, findings=tuple(dict.fromkeys(findings)))

    def open(self, suite: Suite, stage: Stage, cell: Cell) -> Opened:
        """Load the cell's model, unless its files show that it would not be the one meant.

        Files are checked before torch is imported, so that a missing one is told at once.
        """
        base_sha256 = base_fingerprint(self.base)
        candidate = None if cell.form is Form.BASE else self._candidate(suite, stage)
        if candidate is not None:
            check_made_for(candidate, base_sha256, stage.functions)
        findings: tuple[Finding, ...] = ()
        if candidate is not None:
            findings = (*candidate.findings(), *audit_adapter(candidate, self.base).findings)

        from harness.files import sha256_file
        from harness.models.candidate import ADAPTER_WEIGHTS
        from harness.models.decoding import LocalEngine
        from harness.models.loading import load_cell_model, template_fingerprint

        tokenizer = self._load_tokenizer()
        facts = Facts(
            model=self.base if candidate is None else self._candidate_name(suite, stage),
            base_sha256=base_sha256,
            adapter_sha256=None if candidate is None else sha256_file(candidate.folder / ADAPTER_WEIGHTS),
            template_sha256=template_fingerprint(tokenizer),
            batch_size=BATCH_SIZE,
        )
        if not runnable(findings):
            return Opened(backend=None, facts=facts, findings=findings)
        model = load_cell_model(self.base, None if candidate is None else candidate.folder, cell)
        engine = LocalEngine(model, tokenizer, batch_size=BATCH_SIZE)
        return Opened(backend=engine, facts=facts, findings=findings)

    def _candidate(self, suite: Suite, stage: Stage) -> Candidate:
        return load_candidate(self._candidate_name(suite, stage), suite=shown(suite.root), stage=stage.name)

    def _candidate_name(self, suite: Suite, stage: Stage) -> str:
        return self.candidate or shown(self.root / "candidates" / suite.name / stage.name)

    def _prompt(self, suite: Suite, stage: Stage, case: Case) -> "Prompt":
        """The case's prompt at a stage, rendered once for the base and every form."""
        from harness.calls.prompt import build_prompt

        key = (suite.root, stage.name, case.id)
        if key not in self._prompts:
            tokenizer = self._load_tokenizer()
            self._prompts[key] = build_prompt(tokenizer, stage.functions, case.request, developer=suite.developer)
        return self._prompts[key]

    def _draft(self, case: Case) -> tuple[int, ...] | None:
        from harness.calls.prompt import token_ids
        from harness.calls.writing import render_calls

        if not case.expected:
            return None
        text = render_calls(call.example() for call in case.expected)
        return token_ids(self._load_tokenizer(), text)

    def _load_tokenizer(self) -> "PreTrainedTokenizerBase":
        from harness.models.loading import load_tokenizer

        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.base)
        return self._tokenizer
