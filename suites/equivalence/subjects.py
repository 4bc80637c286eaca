"""A candidate on its base in every form, prompts of every stage, and what `generate` writes to them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.calls.prompt import Prompt
from harness.models.matrix import Cell, Device, DType, Form
from harness.paths import EMBEDDED_BASE
from harness.run.local import LocalSource
from harness.suites import Suite

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).parents[2]
STAGES = ("stage1", "stage2", "stage3", "stage4")
LIMIT = 40  # new tokens: a call has about 20, and an untuned base that runs on shows all it can in as many
NARROW = 16  # tokens of a sliding window that every prompt outgrows
PROMPTS = 8  # of each stage
Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What `generate` wrote to one prompt: its tokens, and at each of them the gap of the two highest logits."""

    tokens: Row
    margins: tuple[float, ...]


@dataclass(slots=True)
class Subjects:
    """Models by form and dtype, each loaded once; prompts by stage; what `generate` writes, each computed once."""

    base: str
    candidate: Path
    _models: dict[tuple[Form, DType], Any] = field(default_factory=dict)
    _written: dict[tuple[str, Form, DType], list[Written]] = field(default_factory=dict)
    _suite: Suite = field(default_factory=lambda: Suite.load(ROOT / "suites" / "music"))

    def model(self, form: Form, dtype: DType = DType.FLOAT32) -> Any:
        """The model of a cell on the CPU, as a run loads it."""
        from harness.models.loading import load_cell_model

        if (form, dtype) not in self._models:
            self._models[form, dtype] = load_cell_model(self.base, self.candidate, Cell(Device.CPU, dtype, form))
        return self._models[form, dtype]

    def prompts(self, stage: str, count: int | None = PROMPTS) -> tuple[Prompt, ...]:
        """Of cases all through the stage, so that every kind of request is among them; None: of all cases."""
        declared = self._suite.stage(stage)
        cases = self._suite.cases_of(declared)
        chosen = cases if count is None else cases[:: len(cases) // count][:count]
        return LocalSource(root=ROOT, base=self.base, candidate=None).prepare(self._suite, declared, chosen).prompts

    def engine(self, form: Form, dtype: DType = DType.FLOAT32, *, batch_size: int = 32) -> Any:
        """A new engine, which knows no prefix yet."""
        from harness.models.decoding import LocalEngine
        from harness.models.loading import load_tokenizer

        tokenizer = load_tokenizer(self.base)
        return LocalEngine(self.model(form, dtype), tokenizer, max_new_tokens=LIMIT, batch_size=batch_size)

    def written(self, stage: str, form: Form, dtype: DType = DType.FLOAT32) -> list[Written]:
        """What `generate` writes to the stage's prompts, one at a time, with the format's stop ids."""
        key = (stage, form, dtype)
        if key not in self._written:
            self._written[key] = [self._generate(prompt, form, dtype) for prompt in self.prompts(stage)]
        return self._written[key]

    def logits(self, form: Form, prompt: Prompt, answer: Row) -> "torch.Tensor":
        """The logits (tokens of the answer x vocabulary) from which a model in float32 chooses each of them."""
        import torch

        ids = torch.tensor([[*prompt.ids, *answer[:-1]]])
        with torch.inference_mode():
            logits: torch.Tensor = self.model(form)(input_ids=ids, logits_to_keep=len(answer)).logits[0]
        return logits

    def _generate(self, prompt: Prompt, form: Form, dtype: DType) -> Written:
        import torch

        from harness.models.decoding import stop_token_ids
        from harness.models.loading import load_tokenizer

        ids = torch.tensor([prompt.ids])
        output = self.model(form, dtype).generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=LIMIT,
            eos_token_id=sorted(stop_token_ids(load_tokenizer(self.base))),
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        )
        highest = torch.cat(output.logits).float().topk(2, dim=-1).values
        tokens = tuple(output.sequences[0, ids.shape[1] :].tolist())
        return Written(tokens, tuple((highest[:, 0] - highest[:, 1]).tolist()))


def short_training(output: Path) -> Path:
    """A candidate of all 18 functions that has learned something: its answers differ from its base's."""
    from trainer.recipe import Packing, Recipe
    from trainer.train import Job, train

    suite = Suite.load(ROOT / "suites" / "music")
    recipe = Recipe(
        dropout=0.0, batch_size=8, accumulation=1, learning_rate=4e-3, steps=30, packing=Packing.SHARED_PREFIX
    )
    job = Job(
        suite=suite,
        stage=suite.stage("stage4"),
        recipe=recipe,
        base=str(ROOT / EMBEDDED_BASE),
        start=None,
        output=output,
        device=Device.CPU,
    )
    train(job)
    return output


def with_a_narrow_window(base: Path, folder: Path) -> Path:
    """A copy of a base whose sliding layers see the last `NARROW` tokens only."""
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["sliding_window"] = NARROW
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def spoilt(rows: Sequence[Row], kept: float) -> list[Row]:
    """Drafts that are right for a share of their tokens, and then say what another row says, and no end."""
    others = [*rows[1:], rows[0]]
    cut = [int(len(row) * kept) for row in rows]
    return [
        (*row[:at], (row[at] + 1) % 100 + 200, *other[at:], 333)
        for row, other, at in zip(rows, others, cut, strict=True)
    ]
