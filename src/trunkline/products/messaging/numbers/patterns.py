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
    """Return the parser of a part of a number into a LIKE pattern: ``*`` matches one digit, letters are the digits
    of their keys (doc), signs between digits are ignored. Empty is no filter."""

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
