"""The type of any JSON value, and the nesting beyond which such a value is refused rather than walked."""

from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

MAX_NESTING = 64
"""Levels of lists and objects: far above any real call or schema, far below Python's recursion limit."""


def nests_too_deeply(value: Json) -> bool:
    """Whether lists and objects stand more than `MAX_NESTING` levels inside one another."""
    level: list[Json] = [value]
    for _ in range(MAX_NESTING + 1):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return False
    return True


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
