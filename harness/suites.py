"""Suites: a folder of functions, stages and cases, loaded and validated with file:line errors.

suites/music/functions.json        the function set, as `tools=` takes it
             stages.toml           the stages with their floors, and the findings acknowledged
             cases/<name>.jsonl    one case a line
             train/<name>.jsonl    one training row a line, of the same form
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.calls.functions import FunctionSet
from harness.calls.judge import ExpectedCall, expected_call
from harness.errors import DataError
from harness.files import read_json_lines
from harness.jsontypes import Json
from harness.names import IDENTIFIER
from harness.stages import Acknowledged, Stage, StagesFile, read_stages

__all__ = ["Acknowledged", "Case", "Stage", "Suite", "declares", "load_cases"]

CASE_KEYS = ("id", "request", "calls", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and the call (or calls, or none) that answers it, with the line it was read from."""

    id: str
    request: str
    expected: tuple[ExpectedCall, ...]
    tags: frozenset[str]
    path: Path
    line: int

    @property
    def wild(self) -> bool:
        """Whether the case is measured and shown beside, but left out of the floor."""
        return "wild" in self.tags

    @property
    def must_pass(self) -> bool:
        """Whether a wrong call in this case fails the case itself."""
        return "must_pass" in self.tags

    @property
    def function_names(self) -> frozenset[str]:
        """The functions its answer calls; empty for a request to which none applies."""
        return frozenset(call.name for call in self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A folder of functions, stages and cases. `load` reads all but the cases, which are read a file at a time."""

    name: str
    root: Path
    functions: FunctionSet
    stages: tuple[Stage, ...]
    developer: str
    acknowledged: tuple[Acknowledged, ...]

    @classmethod
    def load(cls, root: Path) -> "Suite":
        """Read `stages.toml` and `functions.json` under `root`; DataError names the file, the line and what to do."""
        file: StagesFile = read_stages(inside(root, "stages.toml"))
        functions = FunctionSet.load(inside(root, "functions.json"))
        return cls(
            name=file.suite,
            root=root,
            functions=functions,
            stages=file.stages(functions),
            developer=file.developer,
            acknowledged=file.acknowledged,
        )

    def stage(self, name: str) -> Stage:
        """The stage of that name; DataError lists those there are."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        there = ", ".join(stage.name for stage in self.stages)
        raise DataError(f"unknown stage {name!r}", path=self.root / "stages.toml", remedy=f"name one of: {there}")

    def case_files(self) -> tuple[Path, ...]:
        """The files of cases in the order of their names; DataError if there are none."""
        return self._files("cases")

    def cases(self) -> tuple[Case, ...]:
        """Every case of the suite; ids are unique over all its files."""
        return self._read(self.case_files())

    def cases_of(self, stage: Stage) -> tuple[Case, ...]:
        """The cases that run at `stage`: those whose every function it declares, and all without a call."""
        return tuple(case for case in self.cases() if declares(stage, case))

    def training_rows(self, stage: Stage) -> tuple[Case, ...]:
        """The rows of `train/*.jsonl` a candidate of `stage` learns from, chosen as `cases_of` chooses."""
        return tuple(row for row in self._read(self._files("train")) if declares(stage, row))

    def _files(self, folder: str) -> tuple[Path, ...]:
        files = tuple(
            inside(self.root, f"{folder}/{path.name}") for path in sorted((self.root / folder).glob("*.jsonl"))
        )
        if not files:
            remedy = "write one file a function there, one case a line"
            raise DataError(f"the suite is empty: no *.jsonl in {folder}/", path=self.root, remedy=remedy)
        return files

    def _read(self, files: tuple[Path, ...]) -> tuple[Case, ...]:
        seen: dict[str, Case] = {}
        return tuple(case for path in files for case in load_cases(path, self, seen))


def declares(stage: Stage, case: Case) -> bool:
    """Whether `stage` declares every function the case's answer calls."""
    return case.function_names <= set(stage.functions.names)


def load_cases(path: Path, suite: Suite, seen: dict[str, Case] | None = None) -> tuple[Case, ...]:
    """The cases of one file. `seen` collects ids over files, so that a second use of one names the first."""
    places = {} if seen is None else seen
    cases = tuple(_cases(path, suite, places))
    if not cases:
        raise DataError("the file holds no case", path=path, remedy="write one case a line, or delete the file")
    return cases


def _cases(path: Path, suite: Suite, seen: dict[str, Case]) -> Iterator[Case]:
    for line, row in _rows(path):
        case = _case(row, suite, path, line)
        first = seen.setdefault(case.id, case)
        if first is not case:
            what = f"duplicate id {case.id!r}, first used in {first.path.name}:{first.line}"
            raise DataError(what, path=path, line=line, remedy="give every case of the suite an id of its own")
        yield case


def _rows(path: Path) -> Iterator[tuple[int, Json]]:
    try:
        yield from read_json_lines(path)
    except DataError as error:
        raise DataError(error.what, path=path, line=error.line, remedy="write one JSON object a line") from error


def _case(row: Json, suite: Suite, path: Path, line: int) -> Case:
    try:
        identifier, request, calls, tags = _fields(row)
        expected = tuple(_call(call, suite) for call in calls)
    except ValueError as error:
        remedy = f"a case is an object with {', '.join(CASE_KEYS[:-1])} and, if it likes, {CASE_KEYS[-1]}"
        raise DataError(str(error), path=path, line=line, remedy=remedy) from error
    case = Case(id=identifier, request=request, expected=expected, tags=tags, path=path, line=line)
    if not any(declares(stage, case) for stage in suite.stages):
        names = ", ".join(sorted(case.function_names))
        what = f"no stage declares {names} together, so the case {case.id!r} would never run"
        raise DataError(
            what, path=path, line=line, remedy="add the function to a stage in stages.toml, or drop the case"
        )
    return case


def _fields(row: Json) -> tuple[str, str, list[Json], frozenset[str]]:
    """The four fields of a case line, checked; ValueError says what is wrong with one."""
    if not isinstance(row, dict):
        raise ValueError(f"a case must be a JSON object, not {row!r}")
    if unknown := sorted(set(row) - set(CASE_KEYS)):
        raise ValueError(f"unknown key {unknown[0]!r}")
    if missing := [key for key in CASE_KEYS[:-1] if key not in row]:
        raise ValueError(f"missing key {missing[0]!r}")
    return _identifier(row["id"]), _request(row["request"]), _list("calls", row["calls"]), _tags(row.get("tags", []))


def _identifier(value: Json) -> str:
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise ValueError(
            f"id must be letters, digits, '.', '_' and '-', beginning with a letter or digit, not {value!r}"
        )
    return value


def _request(value: Json) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"request must be a text that is not empty, not {value!r}")
    return value


def _list(key: str, value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list, not {value!r}")
    return value


def _tags(value: Json) -> frozenset[str]:
    tags = _list("tags", value)
    wrong = [tag for tag in tags if not isinstance(tag, str) or not IDENTIFIER.fullmatch(tag)]
    if wrong:
        raise ValueError(f"a tag must be one word, not {wrong[0]!r}")
    return frozenset(str(tag) for tag in tags)


def _call(value: Json, suite: Suite) -> ExpectedCall:
    return expected_call(value, suite.functions)


def inside(root: Path, name: str) -> Path:
    """`root / name`, refused with a DataError where a link leads out of the suite's folder."""
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(
            "the path leads out of the suite's folder", path=path, remedy="put the file itself there, not a link"
        )
    return path
