"""Segments and smart encoding against the vendor's own calculator.

It differs from Trunkline in three ways that are meant: it leaves a grapheme whole that no segment can hold; it
replaces some spaces by two; and it replaces what it can even when the text stays UCS-2.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contract import require_node
from trunkline.core.gsm import BASIC, ESCAPE, EXTENSION, is_gsm
from trunkline.products.messaging.text.grapheme_classes import _RANGES, GraphemeClass
from trunkline.products.messaging.text.graphemes import split_graphemes
from trunkline.products.messaging.text.segments import JOINED, segment, units
from trunkline.products.messaging.text.smart import TABLE, smart_encode
from trunkline.transports.base import Encoding

SCRIPT = Path(__file__).with_name("segments.cjs")

GSM = BASIC.replace(ESCAPE, "")
ALPHABETS = (
    GSM,
    "".join(EXTENSION) + "ab",
    GSM + "".join(EXTENSION),
    "яжшЫ",
    "я😀🎉",
    GSM + "".join(EXTENSION) + "я中😀",
    "ab€\r\n",
    "я\r\n{",
)
"""Characters each of which is a grapheme, in whatever order."""

JOINED_TEXTS = (
    *(
        "👨\u200d👩\u200d👧\u200d👦",
        "👩🏽\u200d❤️\u200d💋\u200d👨🏿",
        "👩🏿\u200d🚀",
        "🧑\u200d🦰",
        "🏳️\u200d🌈",
        "👁️\u200d🗨️",
    ),
    *("🇩🇪", "🇫🇷", "🇦", "🏴\U000e0067\U000e0062\U000e007f", "👍🏽", "☝🏿", "🫱🏻", "🏽", "#️⃣", "❤️", "❤️\u0301"),
    *(
        "e\u0301",
        "a\u0300\u0301\u0302",
        "각",
        "가",
        "\u1100\u1161\u11a8",
        "\u1100",
        "\u11a8",
        "क्षि",
        "ক্ষ",
        "நி",
        "กำ",
    ),
    *("\u0600", "\u200d", "\u200c", "\r\n", "\n", "\t", "\ufeff", "я", "中", "a", "€", "😀"),
)
"""Joined emoji, flags, skin tones, marks, letters of Hangul, conjuncts of India, line ends."""


class Figures(msgspec.Struct):
    """The calculator's figures of a text."""

    encoding: str
    graphemes: list[str]
    parts: list[str]

    @property
    def text(self) -> str:
        """The text that it would send."""
        return "".join(self.graphemes)


def calculate(texts: list[str], *, smart: bool = False) -> list[Figures]:
    """Return the calculator's results."""
    question = json.dumps([{"text": text, "smart": smart} for text in texts])
    command = ["node", str(SCRIPT), str(require_node())]
    done = subprocess.run(command, input=question.encode(), capture_output=True, timeout=120, check=True)
    return msgspec.json.decode(done.stdout, type=list[Figures])


def random_texts(alphabet: str, count: int, longest: int) -> list[str]:
    """Return texts that are the same in every run."""
    chance = random.Random(alphabet)
    return ["".join(chance.choices(alphabet, k=chance.randint(1, longest))) for _ in range(count)]


def agree(text: str, figures: Figures) -> None:
    """Check that both give the same figures of ``text``."""
    ours = segment(text)
    assert ours.encoding is (Encoding.GSM7 if figures.encoding == "GSM-7" else Encoding.UCS2), text
    assert list(ours.parts) == figures.parts, text


def test_random_texts_are_cut_as_the_calculator_does() -> None:
    texts = [text for alphabet in ALPHABETS for text in random_texts(alphabet, 40, 500)]
    for text, figures in zip(texts, calculate(texts), strict=True):
        agree(text, figures)


def test_texts_around_the_limits_are_cut_as_the_calculator_does() -> None:
    limits = (67, 70, 134, 153, 160, 306, 459)
    lengths = [limit + more for limit in limits for more in (-2, -1, 0, 1, 2)]
    texts = [
        one * (length - len(tail)) + tail
        for one in "a€я😀"
        for length in lengths
        for tail in ("", "€", "😀a")
    ]
    for text, figures in zip(texts, calculate(texts), strict=True):
        agree(text, figures)


def test_every_character_has_the_same_alphabet() -> None:
    characters = [chr(code) for code in range(0x2FFF) if chr(code) != "\0"]
    for character, figures in zip(characters, calculate(characters), strict=True):
        assert is_gsm(character) is (figures.encoding == "GSM-7"), f"U+{ord(character):04X}"


def test_texts_of_joined_characters_are_cut_as_the_calculator_does() -> None:
    chance = random.Random("joined")
    texts = ["".join(chance.choices(JOINED_TEXTS, k=chance.randint(1, 60))) for _ in range(2_000)]
    edges = [chr(code) for kind in _RANGES for code in edges_of(kind) if not 0xD800 <= code <= 0xDFFF]
    texts += ["".join(chance.choices(edges, k=chance.randint(1, 90))) for _ in range(1_000)]
    for text, figures in zip(texts, calculate(texts), strict=True):
        assert list(split_graphemes(text)) == figures.graphemes, ascii(text)
        if all(units(one, Encoding.UCS2) <= JOINED[Encoding.UCS2] for one in figures.graphemes):
            agree(text, figures)


def edges_of(kind: GraphemeClass) -> Iterator[int]:
    """Yield the first and the last character of every range of a class."""
    for one in _RANGES[kind].split():
        first, _, last = one.partition("-")
        yield from (int(first, 16), int(last or first, 16))


def test_any_text_is_cut_as_the_calculator_does() -> None:
    chance = random.Random("any")
    codes = [code for code in range(0x20, 0x1FAFF) if not 0xD800 <= code <= 0xDFFF]
    texts = ["".join(map(chr, chance.choices(codes, k=chance.randint(60, 200)))) for _ in range(150)]
    for text, figures in zip(texts, calculate(texts), strict=True):
        agree(text, figures)


def test_the_table_of_look_alikes_is_the_calculators() -> None:
    characters = [chr(code) for code in range(1, 0x10000) if not 0xD800 <= code <= 0xDFFF]
    differing = {}
    for character, figures in zip(characters, calculate(characters, smart=True), strict=True):
        ours = TABLE.get(ord(character), character)
        if figures.text != ours:
            differing[character] = (figures.text, ours)
    assert set(differing.values()) == {("  ", " ")}
    assert len(differing) == 19


@pytest.mark.parametrize("count", [1, 3])
def test_random_texts_are_encoded_as_the_calculator_does_or_not_at_all(count: int) -> None:
    one_space = [chr(code) for code, text in TABLE.items() if text.strip() or not text or text == " " * 7]
    texts = random_texts("".join(one_space) + GSM * count + "я😀", 150, 12)
    changed = 0
    for text, figures in zip(texts, calculate(texts, smart=True), strict=True):
        sent = smart_encode(text)
        assert sent == (figures.text if is_gsm(figures.text) else text)
        changed += sent != text
    assert changed > 20
