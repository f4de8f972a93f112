"""Named parameters for PostgreSQL: ``:name`` becomes ``$1``, once for each text."""

from __future__ import annotations

import re
from functools import cache

_PARTS = re.compile(
    r"'(?:[^']|'')*'"  # a literal
    r"|\"(?:[^\"]|\"\")*\""  # a quoted name
    r"|--[^\n]*"  # a comment
    r"|::\w+"  # a cast
    r"|:(?P<name>[A-Za-z_]\w*)"
)


@cache
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """The text with numbered parameters, and their names in that order; a name used twice has one number.

    Texts come from code, never from a request, so the cache holds as many as the code has.
    """
    names: dict[str, int] = {}

    def number(part: re.Match[str]) -> str:
        name = part["name"]
        return part[0] if name is None else f"${names.setdefault(name, len(names) + 1)}"

    return _PARTS.sub(number, sql), tuple(names)
