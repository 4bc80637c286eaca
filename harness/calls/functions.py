"""Function sets: the tools declared to the model, validated once here so that nothing later meets a broken schema."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.calls.schema import (
    Schema,
    properties_of,
    required_of,
    validated_parameters,
    without_extensions,
)
from harness.calls.tokens import is_name
from harness.errors import DataError
from harness.files import canonical_json, read_json, sha256_text
from harness.jsontypes import Json

_FORM = '{"type": "function", "function": {"name", "description", "parameters"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionDeclaration:
    """One function as it is declared to the model; `parameters` is JSON Schema, empty for a function without any."""

    name: str
    description: str
    parameters: Mapping[str, Json]

    @property
    def properties(self) -> Mapping[str, Schema]:
        """The schema of each argument, by name."""
        return properties_of(self.parameters)

    @property
    def required(self) -> tuple[str, ...]:
        """The arguments that a call must give."""
        return required_of(self.parameters)

    @property
    def tool(self) -> dict[str, Json]:
        """The declaration as `tools=` takes it, a fresh copy, without the `x-` keywords meant for the judge."""
        parameters = without_extensions(dict(self.parameters))
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }


@dataclass(frozen=True, slots=True)
class FunctionSet:
    """The functions declared together, in the order in which the model sees them."""

    functions: tuple[FunctionDeclaration, ...]

    @classmethod
    def load(cls, path: Path) -> "FunctionSet":
        """Read a JSON file that holds a list of tools; DataError if it cannot be used."""
        return cls.from_tools(read_json(path), source=str(path))

    @classmethod
    def from_tools(cls, tools: Json | Sequence[Json], *, source: str = "tools") -> "FunctionSet":
        """A function set from tools in either form, `{"type": "function", "function": {...}}` or bare `{"name": ...}`.

        DataError, naming `source`, for anything that could not be declared to a model or judged afterwards.
        """
        if not isinstance(tools, (list, tuple)):
            raise DataError("not a list of tools", path=source, remedy=f"give [{_FORM}, ...]")
        functions: dict[str, FunctionDeclaration] = {}
        for number, tool in enumerate(tools, start=1):
            try:
                declaration = _declaration(tool)
            except ValueError as error:
                raise DataError(f"tool {number}: {error}", path=source) from error
            if declaration.name in functions:
                raise DataError(f"tool {number}: the function {declaration.name!r} is declared twice", path=source)
            functions[declaration.name] = declaration
        return cls(tuple(functions.values()))

    @property
    def names(self) -> tuple[str, ...]:
        """The functions' names, in order."""
        return tuple(function.name for function in self.functions)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of what the model is shown: a change of policy or of spacing leaves it as it is."""
        return sha256_text(canonical_json(self.tools()))

    def get(self, name: str) -> FunctionDeclaration | None:
        """The function of that name, if it is declared."""
        return next((function for function in self.functions if function.name == name), None)

    def subset(self, names: Iterable[str]) -> "FunctionSet":
        """The functions named, in the order of the names; DataError for a name that is not declared."""
        by_name = {function.name: function for function in self.functions}
        wanted = tuple(dict.fromkeys(names))
        if unknown := [name for name in wanted if name not in by_name]:
            known = ", ".join(self.names) or "none"
            raise DataError(f"the function {unknown[0]!r} is not declared", remedy=f"declared are: {known}")
        return FunctionSet(tuple(by_name[name] for name in wanted))

    def tools(self) -> list[dict[str, Json]]:
        """All declarations as `tools=` takes them."""
        return [function.tool for function in self.functions]


def _declaration(tool: Json) -> FunctionDeclaration:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or "name" not in function:
        raise ValueError(f"not a function declaration; {_FORM} is expected")
    name, description = function["name"], function.get("description", "")
    if not isinstance(name, str) or not is_name(name):
        raise ValueError(f"the name {name!r} cannot be written in a call (letters, digits, _ . -)")
    if not isinstance(description, str):
        raise ValueError(f"the description of {name!r} is not a string")
    try:
        parameters = validated_parameters(function.get("parameters"))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return FunctionDeclaration(name=name, description=description, parameters=parameters)
