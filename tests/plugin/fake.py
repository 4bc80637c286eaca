"""A small suite and a source of models that answers from a file, so that the plugin is tested without torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.calls.prompt import Prompt
from harness.calls.syntax import render_calls
from harness.failures.catalogue import CATALOGUE, Code
from harness.jsontypes import Json
from harness.models.decoding import Completion, StopReason
from harness.models.matrix import Cell, Form
from harness.run.source import Facts, Opened, Prepared
from harness.stages import Stage
from harness.suites import Case, Suite

REFUSAL = "I cannot help with that.<end_of_turn>"
NO_CALL = "Sorry.<end_of_turn>"

FUNCTIONS: list[Json] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"What {name} does",
            "parameters": {
                "type": "object",
                "properties": {"title": {"type": "string", "description": "The title"}},
                "required": ["title"],
            },
        },
    }
    for name in ("play", "find", "queue")
]

STAGES = """\
suite = "toy"

[stages.stage1]
functions = ["play"]
floor = 0.75

[stages.stage2]
functions = ["play", "find"]
floor = 0.75
"""

CASES: dict[str, list[Json]] = {
    "play": [
        {"id": "one", "request": "Play One", "calls": [{"name": "play", "arguments": {"title": "One"}}]},
        {"id": "two", "request": "Play Two", "calls": [{"name": "play", "arguments": {"title": "Two"}}]},
        {
            "id": "odd",
            "request": "pl@y Odd",
            "calls": [{"name": "play", "arguments": {"title": "Odd"}}],
            "tags": ["wild"],
        },
    ],
    "find": [
        {"id": "find-one", "request": "Find One", "calls": [{"name": "find", "arguments": {"title": "One"}}]},
    ],
    "no_call": [
        {"id": "rain", "request": "Is it raining?", "calls": []},
        {"id": "cake", "request": "How do I bake a cake?", "calls": []},
    ],
}


def write_suite(root: Path, cases: dict[str, list[Json]] | None = None, stages: str = STAGES) -> Path:
    """Write the toy suite into `root`, with other cases or stages where given."""
    (root / "cases").mkdir(parents=True)
    (root / "functions.json").write_text(json.dumps(FUNCTIONS), encoding="utf-8")
    (root / "stages.toml").write_text(stages, encoding="utf-8")
    for name, rows in (CASES if cases is None else cases).items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (root / "cases" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return root


@dataclass(slots=True)
class FakeSource:
    """Answers right as a candidate and refuses as the base, but where `answers.json` in `root` has another output.

    The file holds {"candidate" | "base": {case id: output}} and, under "not_finite", the sides whose logits are not,
    under "broken" those whose weights are not, so that they are not run.
    What was opened and completed is written to `log.txt`, a line a time.
    """

    root: Path
    _cases: dict[str, Case] = field(default_factory=dict)

    def prepare(self, suite: Suite, stage: Stage, cases: Sequence[Case]) -> Prepared:
        self._cases |= {case.request: case for case in cases}
        prompts = tuple(Prompt(case.request, (2,)) for case in cases)
        return Prepared(prompts=prompts, drafts=tuple(None for _ in cases))

    def open(self, suite: Suite, stage: Stage, cell: Cell) -> Opened:
        self.log(f"open {cell.id if cell.form is Form.BASE else f'{stage.name} {cell.id}'}")
        facts = Facts(model="fake", batch_size=2)
        if ("base" if cell.form is Form.BASE else "candidate") in self._answers().get("broken", []):
            return Opened(backend=None, facts=facts, findings=(CATALOGUE[Code.WEIGHTS_NOT_FINITE].found("all"),))
        return Opened(backend=_FakeBackend(self, cell), facts=facts)

    def log(self, line: str) -> None:
        with (self.root / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _answers(self) -> dict[str, Any]:
        path = self.root / "answers.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def answer(self, request: str, side: str) -> tuple[str, bool]:
        """The output for a request, and whether the logits were finite."""
        answers = self._answers()
        case = self._cases[request]
        right = render_calls(call.example() for call in case.expected) if case.expected else NO_CALL
        text = answers.get(side, {}).get(case.id, right if side == "candidate" else REFUSAL)
        return text, side not in answers.get("not_finite", [])


@dataclass(frozen=True, slots=True)
class _FakeBackend:
    source: FakeSource
    cell: Cell

    def complete(
        self, prompts: Sequence[Prompt], drafts: Sequence[tuple[int, ...] | None] | None = None
    ) -> list[Completion]:
        side = "base" if self.cell.form is Form.BASE else "candidate"
        self.source.log(f"complete {self.cell.id} {len(prompts)}")
        return [self._completion(*self.source.answer(prompt.text, side)) for prompt in prompts]

    def _completion(self, text: str, finite: bool) -> Completion:
        return Completion(token_ids=(1,), text=text, stop=StopReason.STOP, margin=1.5 if finite else 0.0, finite=finite)
