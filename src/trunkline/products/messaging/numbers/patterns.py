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
_WHOLE = re.compile(r"(\+[1-9][0-9]{6,14})%")
_INTERNATIONAL = re.compile(r"(\+[0-9]{4})")
_NATIONAL = re.compile(r"%1?([2-9][0-9]{2})[0-9_]{7}%")
_NORTH_AMERICA = ("US", "CA")
_IGNORED = str.maketrans("", "", "+ ()-.")
_MAX = 64


def whole_number(pattern: str) -> str | None:
    """Return the number in E.164 that a pattern is written as; None if it has no ``+`` (it may be a part of another
    number, too), is too short or has a wildcard."""
    found = _WHOLE.fullmatch(pattern)
    return found[1] if found else None


def area_of(pattern: str, country: str) -> str | None:
    """Return the ``+`` and the four digits with which all numbers of a country that match a pattern begin, None if they
    may differ. In the United States and Canada they are ``1`` and the first three of ten digits."""
    if found := _INTERNATIONAL.match(pattern):
        return found[1]
    national = _NATIONAL.fullmatch(pattern) if country in _NORTH_AMERICA else None
    return f"+1{national[1]}" if national else None


def partial_number(*, international: bool = True) -> Parser:
    """Return the parser of a part of a number into a LIKE pattern: ``*`` matches one digit, letters are the digits
    of their keys (doc), signs between digits are ignored. A leading ``+`` is the start of the number, if numbers are
    ``international``. Empty is no filter."""

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
        from_start = international and pattern and value.lstrip().startswith("+")
        return f"{'+' if from_start else '%'}{pattern}%"

    return Parser(parse, clears=True)
