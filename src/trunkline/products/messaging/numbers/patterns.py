"""Partial numbers in the filters of lists. Pure."""

from __future__ import annotations

from trunkline.api.errors import invalid
from trunkline.api.params import Parser

_KEYS = {
    letter: str(digit)
    for digit, letters in enumerate(("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"), 2)
    for letter in letters
}
_IGNORED = frozenset("+ ()-.")
_MAX = 64


def partial_number() -> Parser:
    """A part of a number, as a LIKE pattern: ``*`` stands for one digit, letters for the digits of their keys (doc),
    signs between digits for nothing. Empty is no filter."""

    def parse(name: str, value: str) -> str:
        pattern = ""
        for sign in value.lower():
            if sign in _IGNORED:
                continue
            digit = _KEYS.get(sign, sign)
            if sign != "*" and not (digit.isascii() and digit.isdigit()):
                raise invalid(name, "must be digits, letters and *")
            pattern += "_" if sign == "*" else digit
        if len(pattern) > _MAX:
            raise invalid(name, f"must be at most {_MAX} characters long")
        return f"%{pattern}%"

    return Parser(parse, clears=True)
