"""The national language tables of 3GPP 23.038, annex A: the characters that a phone's text has in place of the GSM
alphabet's (locking shift), or behind an escape (single shift). Pure.

The tables of India have one order: the letters of their Unicode block, which are parallel, then six of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import msgspec

from trunkline.core.gsm import BASIC, EXTENSION


class Shifts(msgspec.Struct, frozen=True):
    """The languages of a text's tables; 0, like each that has no table, stands for the GSM alphabet."""

    single: int = 0
    locking: int = 0


NO_SHIFTS = Shifts()


def _ranges(text: str) -> Iterator[int]:
    for one in text.split():
        first, _, last = one.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


_TURKISH, _SPANISH, _PORTUGUESE, _URDU = 1, 2, 3, 13
_BLOCKS = {
    4: 0x0980,
    5: 0x0A80,
    6: 0x0900,
    7: 0x0C80,
    8: 0x0D00,
    9: 0x0B00,
    10: 0x0A00,
    11: 0x0B80,
    12: 0x0C00,
}
"""Bengali, Gujarati, Hindi, Kannada, Malayalam, Oriya, Punjabi, Tamil, Telugu."""

_LOCKING_PLACES = "00-09 0B-0C 0E-1A 1C-1F 22-27 2A-2B 2D 2F 3C-3E 40-60 7B-7F"
_LETTERS = "01-03 05-39 3C-4D"
_LAST_LETTERS = {
    4: "09CE 09D7 09DC-09DD 09F0-09F1",
    5: "0AD0 0AE0-0AE3 0AF1",
    6: "0950 0972 097B-097C 097E-097F",
    7: "0CD5-0CD6 0CE0-0CE3",
    8: "0D57 0D60-0D63 0D79",
    9: "0B56-0B57 0B60-0B63",
    10: "0A51 0A70-0A74",
    11: "0BD0 0BD7 0BF0-0BF2 0BF9",
    12: "0C55-0C56 0C60-0C63",
}
_URDU_LETTERS = (
    "0627 0622 0628 067B 0680 067E 06A6 062A 06C2 067F 0679 067D 067A 067C 062B 062C 0681 0684 0683 0685-0687 062D"
    " 062E 062F 068C 0688-068A 068F 068D 0630 0631 0691 0693 0699 0632 0696 0698 069A 0633-0639 0641 0642 06A9-06AB"
    " 06AF 06B3 06B1 0644-0646 06BA-06BC 0648 06C4 06D5 06C1 06BE 0621 06CC 06D0 06D2 064D 0650 064F 0657 0654 0655"
    " 0651 0653 0656 0670"
)
_INDIAN = {0x28: ")", 0x29: "("}

_SINGLE_PLACES = "19-1A 1C-27 2A-2E 30-3B 3F"
_SINGLE = {
    4: "09E6-09EF 09DF-09E3 09F2-09FA",
    5: "0964-0965 0AE6-0AEF",
    6: "0964-096F 0951-0954 0958-0963 0970-0971",
    7: "0964-0965 0CE6-0CEF 0CDE 0CF1-0CF2",
    8: "0964-0965 0D66-0D75 0D7A-0D7F",
    9: "0964-0965 0B66-0B6F 0B5C-0B5D 0B5F 0B70-0B71",
    10: "0964-0965 0A66-0A6F 0A59-0A5C 0A5E 0A75",
    11: "0964-0965 0BE6-0BEF 0BF3-0BF8 0BFA",
    12: "FFFD FFFD 0C66-0C6F 0C58-0C59 0C78-0C7F",
    _URDU: "0600-0601 06F0-06F9 060C-0614 061B 061F 0640 0652 0658 066B-066C 0672-0673 06CD 06D4",
}
_NONE = "\N{REPLACEMENT CHARACTER}"
_CAPITALS = {code: chr(code) for code in range(ord("A"), ord("Z") + 1)}
_INDIAN_SIGNS = {code: sign for code, sign in enumerate("@£$¥¿\"¤%&'\f*+\0-/<=>¡^¡_#*") if sign != "\0"}

_EUROPEAN_LOCKING = {
    _TURKISH: dict(zip(_ranges("04 07 0B 0C 1C 1D 40 60"), "€ıĞğŞşİç", strict=True)),
    _PORTUGUESE: dict(
        zip(
            _ranges("04 06-09 0B-0C 0E-0F 12-1A 1C-1E 24 40 5B-5D 60 7B-7D"),
            "êúíóçÔôÁáªÇÀ∞^\\€Ó|ÂâÊºÍÃÕÚ~ãõ`",
            strict=True,
        )
    ),
}
_EUROPEAN_SINGLE = {
    _TURKISH: dict(zip(_ranges("47 49 53 63 67 69 73"), "ĞİŞçğış", strict=True)),
    _SPANISH: dict(zip(_ranges("09 41 49 4F 55 61 69 6F 75"), "çÁÍÓÚáíóú", strict=True)),
    _PORTUGUESE: dict(
        zip(
            _ranges("05 09 0B-0C 0E-0F 12-13 15-19 1F 41 49 4F 55 5B-5C 61 69 6F 75 7B-7C 7F"),
            "êçÔôÁáΦΓΩΠΨΣΘÊÀÍÓÚÃÕÂíóúãõâ",
            strict=True,
        )
    ),
}


@cache
def locking_table(language: int) -> dict[int, str]:
    """Return the characters of a text's septets; those of the GSM alphabet for a language without a table."""
    table = dict(enumerate(BASIC)) | _EUROPEAN_LOCKING.get(language, {})
    if language in _BLOCKS:
        letters = [_BLOCKS[language] + letter for letter in _ranges(_LETTERS)]
        letters += _ranges(_LAST_LETTERS[language])
    elif language == _URDU:
        letters = [*_ranges(_URDU_LETTERS)]
    else:
        return table
    return table | dict(zip(_ranges(_LOCKING_PLACES), map(chr, letters), strict=True)) | _INDIAN


@cache
def single_table(language: int) -> dict[int, str]:
    """Return the characters of the septets behind an escape; those of the GSM alphabet for a language without a
    table."""
    table = {code: sign for sign, code in EXTENSION.items()} | _EUROPEAN_SINGLE.get(language, {})
    if language not in _SINGLE:
        return table
    own = zip(_ranges(_SINGLE_PLACES), map(chr, _ranges(_SINGLE[language])), strict=False)
    return table | _INDIAN_SIGNS | {code: sign for code, sign in own if sign != _NONE} | _CAPITALS
