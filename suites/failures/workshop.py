"""The workshop: candidates on the embedded base, sound or with one fault, by the trainer that makes all of them."""

import dataclasses
import shutil
from pathlib import Path

from harness.models.matrix import Device
from harness.paths import EMBEDDED_BASE
from harness.suites import Suite
from trainer.faults import FAULTS, Fault
from trainer.recipe import Packing, Recipe
from trainer.train import Job, train

ROOT = Path(__file__).parents[2]
BASE = ROOT / EMBEDDED_BASE
ROWS = 60  # of each training file
LEARNED = 60  # steps after which the rows' own faults are in the answers
RECIPE = Recipe(
    r=16,
    alpha=32,
    dropout=0.0,
    batch_size=8,
    accumulation=1,
    learning_rate=4e-3,
    steps=LEARNED,
    packing=Packing.SHARED_PREFIX,
)
BRIEF = dataclasses.replace(RECIPE, learning_rate=1e-3, steps=4)  # where nothing has to be learned, nor forgotten
# Where the prompts of 18 functions carry loss too, a row is twenty times as long as one behind a shared prefix.
WITH_PROMPTS = dataclasses.replace(RECIPE, batch_size=2, completion_only=False, packing=Packing.NONE)
TO_BE_LEARNED = {
    Fault.ATTENTION_ONLY,
    Fault.JSON_ARGUMENTS,
    Fault.NULL_FILLED,
    Fault.UNDECLARED_LABELS,
    Fault.TERMINATOR_UNSUPERVISED,
    Fault.PAD_LABELS,
    Fault.SINGLE_CLASS_SPLIT,
}
STAGES = {Fault.TRUNCATED_ROWS: "stage4", Fault.UNDECLARED_LABELS: "stage1"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A candidate, the base it runs on, and the suite's stage it is for."""

    folder: Path
    base: Path
    suite: Suite
    stage: str


class Workshop:
    """Makes each candidate once a session, under `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.suite = _short_suite(root / "music")
        self._made: dict[str, Made] = {}

    def faulty(self, fault: Fault) -> Made:
        """The candidate with a fault."""
        recipe = RECIPE if fault in TO_BE_LEARNED else BRIEF
        if fault is Fault.TRUNCATED_ROWS:
            recipe = WITH_PROMPTS
        return self._make(fault, recipe, STAGES.get(fault, "stage2"), fault)

    def sound(self, name: str = "sound", **settings: int) -> Made:
        """A candidate without one; `settings` are the recipe's."""
        return self._make(name, dataclasses.replace(RECIPE, **settings), "stage2")  # type: ignore[arg-type]

    def _make(self, name: str, recipe: Recipe, stage: str, fault: Fault | None = None) -> Made:
        if name not in self._made:
            folder = self._root / name
            train(
                Job(
                    suite=self.suite,
                    stage=self.suite.stage(stage),
                    recipe=recipe,
                    base=str(BASE),
                    start=None,
                    output=folder,
                    device=Device.CPU,
                    fault=fault,
                )
            )
            base = folder / "base" if fault and FAULTS[fault].keeps_base else BASE
            self._made[name] = Made(folder=folder, base=base, suite=self.suite, stage=stage)
        return self._made[name]


def _short_suite(root: Path) -> Suite:
    """The music suite with fewer training rows: enough to learn a fault from, and read in less time."""
    shutil.copytree(ROOT / "suites" / "music", root)
    for path in (root / "train").glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:ROWS]), encoding="utf-8")
    return Suite.load(root)
