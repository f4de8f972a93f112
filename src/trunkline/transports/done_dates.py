"""The date in a receipt at which its message was delivered or given up, as networks write it. Pure."""

from __future__ import annotations

import re

_RUN = re.compile(r"\s*(\d[\d\-/:T ]*)")
_SHORT = re.compile(r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-4])[0-5]\d", re.ASCII)
_CENTURIES = ("20", "19")
_SECONDS_AND_ZONE = 15
_LONGEST = 64


def done_date(text: str) -> str:
    """Return a date as the API has it, ``YYMMDDhhmm``; the empty text if it is none.

    The year has two or four digits, seconds may follow, also those of SMPP's own absolute time, and the figures may be
    separated. Twelve digits are read with four of the year where they can be.
    """
    found = _RUN.match(text[:_LONGEST])
    if found is None or not found[1].isascii():
        return ""
    digits = re.sub(r"\D", "", found[1])
    long = (len(digits) == 12 or len(digits) >= 14) and digits.startswith(_CENTURIES)
    if long and _SHORT.fullmatch(digits[2:12]):
        return digits[2:12]
    if len(digits) in (10, 12, _SECONDS_AND_ZONE) and _SHORT.fullmatch(digits[:10]):
        return digits[:10]
    return ""
