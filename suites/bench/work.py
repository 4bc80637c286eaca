"""The work of the decoding benchmarks: the same cases, the same model, and the ways to complete them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models.matrix import Cell, Device, DType, Form
from harness.paths import EMBEDDED_BASE
from harness.run.local import LocalSource
from harness.suites import Suite

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from harness.calls.prompt import Prompt

ROOT = Path(__file__).parents[2]
MUSIC = ROOT / "suites" / "music"
STAGE = "stage2"
CASES = 16
LIMIT = 128  # new tokens a case, as the engine has it by default
Rows = list[tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Prompts with likely answers, and a model: the embedded base on CPU in float32."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    stops: frozenset[int]
    prompts: "tuple[Prompt, ...]"
    drafts: tuple[tuple[int, ...] | None, ...]

    @classmethod
    def load(cls) -> "Work":
        """The first cases of the music suite's second stage."""
        from harness.models.decoding import stop_token_ids
        from harness.models.loading import load_base, load_tokenizer

        base = str(ROOT / EMBEDDED_BASE)
        suite = Suite.load(MUSIC)
        stage = suite.stage(STAGE)
        source = LocalSource(root=ROOT, base=base, candidate=None)
        prepared = source.prepare(suite, stage, suite.cases_of(stage)[:CASES])
        tokenizer = load_tokenizer(base)
        return cls(
            model=load_base(base, Cell(Device.CPU, DType.FLOAT32, Form.BASE)),
            tokenizer=tokenizer,
            stops=stop_token_ids(tokenizer),
            prompts=prepared.prompts,
            drafts=prepared.drafts,
        )

    def generated(self, size: int) -> Rows:
        """Token ids as transformers' own `generate` gives them, in left-padded batches of `size` prompts."""
        batches = [self.prompts[start : start + size] for start in range(0, len(self.prompts), size)]
        return [row for batch in batches for row in self._generate(batch)]

    def decoded(self, drafts: "tuple[tuple[int, ...] | None, ...] | None" = None) -> Rows:
        """Token ids as a new engine gives them: each round pays for its own shared prefix."""
        from harness.models.decoding import LocalEngine

        engine = LocalEngine(self.model, self.tokenizer, stop_ids=self.stops, max_new_tokens=LIMIT)
        return [completion.token_ids for completion in engine.complete(self.prompts, drafts)]

    def _generate(self, batch: "tuple[Prompt, ...]") -> Iterator[tuple[int, ...]]:
        import torch

        width = max(len(prompt.ids) for prompt in batch)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(prompt.ids)) + list(prompt.ids) for prompt in batch])
        mask = torch.tensor([[0] * (width - len(prompt.ids)) + [1] * len(prompt.ids) for prompt in batch])
        model: Any = self.model  # to a type checker its `generate` is a tensor
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=LIMIT,
            eos_token_id=sorted(self.stops),
            pad_token_id=pad,
        )
        return (self._until_stop(row) for row in output[:, width:].tolist())

    def _until_stop(self, row: list[int]) -> tuple[int, ...]:
        """The row without the padding of a batch that went on for others."""
        end = next((index for index, token in enumerate(row, start=1) if token in self.stops), len(row))
        return tuple(row[:end])
