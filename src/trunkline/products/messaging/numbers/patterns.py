"""Partial numbers in the filters of lists. Pure."""

from __future__ import annotations

import re

from trunkline.api.errors import invalid
from trunkline.api.params import Parser

_KEYS = {
    letter: str(digit)
    for digit, letters in enumerate(("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"), 2)
    for letter in letters
}
_WHOLE = re.compile(r"%([1-9][0-9]{6,14})%")
_IGNORED = str.maketrans("", "", "+ ()-.")
_MAX = 64


def whole_number(pattern: str) -> str | None:
    """Return the number in E.164 that a pattern may be the whole of; None if it is too short or has a wildcard."""
    found = _WHOLE.fullmatch(pattern)
    return f"+{found[1]}" if found else None


def partial_number() -> Parser:
    """Return the parser of a part of a number into a LIKE pattern: ``*`` matches one digit, letters are the digits
    of their keys (doc), signs between digits are ignored. Empty is no filter."""

    def parse(name: str, value: str) -> str:
        signs = value.translate(_IGNORED).lower()
        if len(signs) > _MAX:
            raise invalid(name, f"must be at most {_MAX} characters long")
        pattern = ""
        for sign in signs:
            digit = _KEYS.get(sign, sign)
            if sign != "*" and not (digit.isascii() and digit.isdigit()):
                raise invalid(name, "must be digits, letters and *")
            pattern += "_" if sign == "*" else digit
        return f"%{pattern}%"

    return Parser(parse, clears=True)
