"""The stages of a suite: `stages.toml`, read and validated, with the line of what is wrong."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from harness.calls.functions import FunctionSet
from harness.calls.prompt import DEVELOPER_SENTENCE
from harness.errors import DataError
from harness.findings import Finding
from harness.names import IDENTIFIER, STAGE_NAME

SUITE_KEYS = frozenset({"suite", "developer", "stages", "acknowledged"})
STAGE_KEYS = frozenset({"functions", "floor"})
ACKNOWLEDGED_KEYS = ("code", "where", "reason")
_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A growing subset of the function set, and the share of cases (0 to 1) its gate asks."""

    name: str
    functions: FunctionSet
    floor: float
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A finding the suite's author knows of and keeps, with the reason; `where` is `function.parameter`."""

    code: str
    where: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether this is the finding meant."""
        return (finding.code, finding.where) == (self.code, self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """One `[stages.NAME]` table before its functions are looked up."""

    name: str
    functions: tuple[str, ...]
    floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesFile:
    """What `stages.toml` says; `stages` ties it to the function set."""

    path: Path
    text: str
    suite: str
    developer: str
    entries: tuple[StageEntry, ...]
    acknowledged: tuple[Acknowledged, ...]

    def stages(self, functions: FunctionSet) -> tuple[Stage, ...]:
        """The stages with their declarations; DataError for an undeclared function or a stage that does not grow."""
        before: set[str] = set()
        for entry in self.entries:
            self._check(entry, set(functions.names), before)
            before = set(entry.functions)
        return tuple(
            Stage(name=entry.name, functions=functions.subset(entry.functions), floor=entry.floor, index=index)
            for index, entry in enumerate(self.entries)
        )

    def _check(self, entry: StageEntry, declared: set[str], before: set[str]) -> None:
        if unknown := sorted(set(entry.functions) - declared):
            self._refuse(
                entry, f"function {unknown[0]!r} is not in functions.json", "declare it there, or drop it here"
            )
        if lost := sorted(before - set(entry.functions)):
            self._refuse(
                entry, f"stage {entry.name} drops {lost[0]!r}", "a stage holds every function of the one before"
            )

    def _refuse(self, entry: StageEntry, what: str, remedy: str) -> None:
        raise DataError(what, path=self.path, line=_line_of(self.text, f"[stages.{entry.name}]"), remedy=remedy)


def read_stages(path: Path) -> StagesFile:
    """Read `stages.toml`; DataError names the file, the line where there is one, and the remedy."""
    text = _text(path)
    try:
        table: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        number = int(found.group(1)) if found else len(text.splitlines())  # "at end of document"
        raise DataError(f"not TOML: {error}", path=path, line=number, remedy="mend the line") from error
    try:
        return _stages_file(path, text, table)
    except _Problem as problem:
        line = _line_of(text, problem.near)
        raise DataError(problem.what, path=path, line=line, remedy=problem.remedy) from problem


class _Problem(Exception):  # noqa: N818 - it never leaves this module
    """Something wrong in the file, and the text to find its line by."""

    def __init__(self, what: str, remedy: str, near: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy, self.near = what, remedy, near


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError("no such file", path=path, remedy="a suite is a folder with a stages.toml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", path=path, remedy="make it a readable UTF-8 file") from error


def _line_of(text: str, near: str) -> int | None:
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if near and near in line), None)


def _stages_file(path: Path, text: str, table: dict[str, object]) -> StagesFile:
    _only(SUITE_KEYS, table, "the file")
    stages = table.get("stages")
    if not isinstance(stages, dict) or not stages:
        raise _Problem("the suite is empty: it has no stages", "write at least one [stages.NAME] table")
    suite = table.get("suite")
    if not isinstance(suite, str) or not IDENTIFIER.fullmatch(suite):
        raise _Problem("suite must be the suite's name, one word", 'write suite = "NAME" at the top', "suite")
    developer = table.get("developer", DEVELOPER_SENTENCE)
    if not isinstance(developer, str) or not developer.strip():
        raise _Problem(
            "developer must be the sentence before the declarations", "write a text, or drop it", "developer"
        )
    return StagesFile(
        path=path,
        text=text,
        suite=suite,
        developer=developer,
        entries=tuple(_entry(name, value) for name, value in stages.items()),
        acknowledged=_all_acknowledged(table.get("acknowledged", [])),
    )


def _only(known: frozenset[str], table: dict[str, object], where: str) -> None:
    if unknown := sorted(set(table) - known):
        raise _Problem(f"unknown key {unknown[0]!r} in {where}", f"use {', '.join(sorted(known))}", unknown[0])


def _entry(name: str, table: object) -> StageEntry:
    near = f"[stages.{name}]"
    if not STAGE_NAME.fullmatch(name):
        raise _Problem(f"{name!r} is no stage name", "use letters, digits and '_', beginning with a letter", near)
    if not isinstance(table, dict):
        raise _Problem(f"stage {name} must be a table", f"write {near}, functions and floor", name)
    _only(STAGE_KEYS, table, f"stage {name}")
    floor = table.get("floor")
    if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
        raise _Problem(f"the floor of stage {name} must be a share from 0 to 1", "write floor = 0.95", near)
    return StageEntry(name=name, functions=_function_names(name, table.get("functions")), floor=float(floor))


def _function_names(stage: str, value: object) -> tuple[str, ...]:
    near = f"[stages.{stage}]"
    if not isinstance(value, list) or not value:
        raise _Problem(f"stage {stage} declares no functions", 'write functions = ["NAME", ...]', near)
    names = [name for name in value if isinstance(name, str)]
    if len(names) != len(value):
        raise _Problem(f"stage {stage} holds a function that is no name", "write the names as texts", near)
    if len(set(names)) != len(names):
        raise _Problem(f"stage {stage} names a function twice", "name each function once", near)
    return tuple(names)


def _all_acknowledged(value: object) -> tuple[Acknowledged, ...]:
    if not isinstance(value, list):
        raise _Problem("acknowledged must be a list of tables", "write [[acknowledged]]", "acknowledged")
    return tuple(_acknowledged(table) for table in value)


def _acknowledged(table: object) -> Acknowledged:
    near = "[[acknowledged]]"
    if not isinstance(table, dict):
        raise _Problem("acknowledged must be a list of tables", "write [[acknowledged]]", "acknowledged")
    _only(frozenset(ACKNOWLEDGED_KEYS), table, near)
    texts = [table.get(key) for key in ACKNOWLEDGED_KEYS]
    code, where, reason = (text if isinstance(text, str) else "" for text in texts)
    if not (code and where and reason.strip()):
        raise _Problem("an acknowledged finding needs code, where and reason", "write the three as texts", near)
    return Acknowledged(code=code, where=where, reason=reason)
