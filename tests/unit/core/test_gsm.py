"""The alphabet of GSM 03.38, against the rows of the contract."""

from __future__ import annotations

import pytest

from trunkline.core.gsm import BASIC, EXTENSION, is_gsm, septets

CODES = {
    "@": 0x00, "£": 0x01, "$": 0x02, "Ç": 0x09, "\n": 0x0A, "\r": 0x0D, "å": 0x0F, "Δ": 0x10, "_": 0x11, "Φ": 0x12,
    "Ξ": 0x1A, "\x1b": 0x1B, "É": 0x1F, " ": 0x20, "¤": 0x24, "/": 0x2F, "0": 0x30, "?": 0x3F, "¡": 0x40, "A": 0x41,
    "Z": 0x5A, "Ä": 0x5B, "§": 0x5F, "¿": 0x60, "a": 0x61, "z": 0x7A, "à": 0x7F,
}  # fmt: skip


def test_the_table_has_128_different_characters() -> None:
    assert len(BASIC) == len(set(BASIC)) == 128


@pytest.mark.parametrize(("character", "code"), CODES.items())
def test_characters_stand_at_their_codes(character: str, code: int) -> None:
    assert BASIC[code] == character


def test_the_extension_is_apart_from_the_basic_set() -> None:
    assert not EXTENSION.keys() & set(BASIC)
    assert len(set(EXTENSION.values())) == len(EXTENSION) == 10


@pytest.mark.parametrize("text", ["", "Hej å!", "Ç", "|^{}[]~\\€", "\f", "\r\n", "ΔΦΓΛΩΠΨΣΘΞ", "¡¿§¤"])
def test_is_gsm(text: str) -> None:
    assert is_gsm(text)


@pytest.mark.parametrize(
    "text", ["ç", "`", "a\tb", "´", "á", "í", "ó", "ú", "“", "–", "я", "😀", "\x1b", "\0", "α"]
)
def test_is_not_gsm(text: str) -> None:
    assert not is_gsm(text)


@pytest.mark.parametrize(("text", "count"), [("", 0), ("abc", 3), ("|^{}[]~\\€", 18), ("\f", 2), ("a€", 3)])
def test_septets(text: str, count: int) -> None:
    assert septets(text) == count
