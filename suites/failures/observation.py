"""What callproof finds of a candidate: in its files, in its running model, and in its answers to a suite's requests."""

from dataclasses import dataclass
from functools import cached_property

from harness.calls.prompt import build_prompt
from harness.failures.adapter_files import runnable
from harness.failures.catalogue import CATALOGUE, Code, Side
from harness.failures.examination import FilesReport, ModelReport, examine_files, examine_model
from harness.models.candidate import load_candidate
from harness.models.loading import load_tokenizer
from harness.models.matrix import Cell, Device, DType, Form
from harness.report.rows import CaseRow, FindingRow
from harness.run.cells import Bench
from harness.run.local import LocalSource

from .workshop import ROOT, Made

CASES = 30


@dataclass(frozen=True)
class Observation:
    """One candidate, looked at as the doctor and the plugin do, each part when it is first asked for."""

    made: Made

    @cached_property
    def files(self) -> FilesReport:
        """The checks of the files."""
        return examine_files(load_candidate(self.made.folder), self.made.base)

    @cached_property
    def model(self) -> ModelReport | None:
        """The checks of the running model; None where the files say that it is not to be run."""
        if not runnable(self.files.findings):
            return None
        tokenizer = load_tokenizer(str(self.made.base))
        stage = self.made.suite.stage(self.made.stage)
        prompt = build_prompt(tokenizer, stage.functions, self.made.suite.cases_of(stage)[0].request)
        return examine_model(load_candidate(self.made.folder), self.made.base, tokenizer, prompt.ids)

    @cached_property
    def answers_of_the_base(self) -> list[CaseRow]:
        """What the base says by itself to the same cases."""
        return self._measured(Form.BASE)[0]

    @cached_property
    def _cell(self) -> tuple[list[CaseRow], tuple[FindingRow, ...]]:
        return self._measured(Form.ADAPTER)

    def _measured(self, form: Form) -> tuple[list[CaseRow], tuple[FindingRow, ...]]:
        source = LocalSource(root=ROOT, base=str(self.made.base), candidate=str(self.made.folder))
        stage = self.made.suite.stage(self.made.stage)
        run = Bench(source).run(self.made.suite, stage, Cell(Device.CPU, DType.FLOAT32, form))
        cases = [case for case in self.made.suite.cases_of(stage) if not case.wild]
        rows = run.measure(cases[:: max(1, len(cases) // CASES)])
        return rows, run.cell_row.findings

    @property
    def answers(self) -> list[CaseRow]:
        """The answers to some thirty cases of the stage, spread over its functions."""
        return self._cell[0]

    @property
    def cell_is_void(self) -> bool:
        """Whether the plugin would show no score."""
        return any(finding.voids for finding in self._cell[1])

    @property
    def findings(self) -> dict[Code, str]:
        """Every code found, with its first evidence: all but what the function set is to blame for."""
        found = [(finding.code, finding.evidence) for finding in self.files.findings]
        if self.model is not None:
            found += [(finding.code, finding.evidence) for finding in self.model.findings]
        if Code.WRONG_BASE not in dict(found):  # the plugin refuses to run it
            found += [(finding.code, finding.evidence) for finding in self._cell[1] if finding.acknowledged is None]
        codes = {Code(code): evidence for code, evidence in reversed(found)}
        return {code: text for code, text in codes.items() if CATALOGUE[code].side is not Side.FUNCTIONS}
