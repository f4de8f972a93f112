"""Segmentation of texts: the contract's vectors, and properties of every text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.gsm import EXTENSION
from trunkline.products.messaging.text.graphemes import split_graphemes
from trunkline.products.messaging.text.segments import JOINED, SINGLE, segment, units
from trunkline.transports.base import Encoding

GSM, UCS = Encoding.GSM7, Encoding.UCS2

VECTORS = [
    ("", GSM, [0]),
    ("a" * 160, GSM, [160]),
    ("a" * 161, GSM, [153, 8]),
    ("a" * 306, GSM, [153, 153]),
    ("a" * 307, GSM, [153, 153, 1]),
    ("a" * 159 + "€", GSM, [153, 7]),
    ("a" * 158 + "€", GSM, [159]),
    ("a" * 152 + "€" + "b" * 10, GSM, [152, 11]),
    ("a" * 151 + "€" + "b" * 10, GSM, [152, 10]),
    ("я" * 70, UCS, [70]),
    ("я" * 71, UCS, [67, 4]),
    ("я" * 134, UCS, [67, 67]),
    ("я" * 135, UCS, [67, 67, 1]),
    ("я" * 66 + "😀" + "я" * 10, UCS, [66, 11]),
    ("😀" * 35, UCS, [35]),
    ("😀" * 36, UCS, [33, 3]),
    ("|^{}[]~\\€", GSM, [9]),
    ("ç", UCS, [1]),
    ("Ç", GSM, [1]),
    ("a\tb", UCS, [3]),
    ("€" * 80, GSM, [80]),
    ("€" * 81, GSM, [76, 5]),
    ("я" * 65 + "👨‍👩‍👧‍👦", UCS, [65, 7]),
    ("я" * 66 + "🇩🇪" + "я", UCS, [66, 3]),
    ("я" * 66 + "e\u0301" + "я" * 3, UCS, [66, 5]),
    ("я" * 66 + "\r\n" + "я" * 3, UCS, [67, 4]),
    ("e" + "\u0301" * 99, UCS, [67, 33]),
    ("я" + "😀" + "\u0301" * 68, UCS, [66, 4]),
    # In UCS-2 the characters of the extension take one unit like all others.
    ("€" * 70 + "я", UCS, [67, 4]),
]


@pytest.mark.parametrize(("text", "encoding", "lengths"), VECTORS)
def test_vectors(text: str, encoding: Encoding, lengths: list[int]) -> None:
    found = segment(text)
    assert found.encoding is encoding
    assert [len(part) for part in found.parts] == lengths


@pytest.mark.parametrize(("text", "count"), [("a" * 1600, 11), ("я" * 1600, 24)])
def test_the_longest_bodies(text: str, count: int) -> None:
    assert len(segment(text).parts) == count


ALPHABETS = st.sampled_from(["ab€[", "яa€", "😀я", "a", "€", "😀", "\r\nab"])
TEXTS = ALPHABETS.flatmap(lambda alphabet: st.text(alphabet, max_size=700)) | st.text()


@given(TEXTS)
def test_parts_together_are_the_text(text: str) -> None:
    assert "".join(segment(text).parts) == text


@given(TEXTS)
def test_parts_fit_and_are_as_full_as_can_be(text: str) -> None:
    found = segment(text)
    sizes = [units(part, found.encoding) for part in found.parts]
    if len(sizes) == 1:
        assert sizes[0] <= SINGLE[found.encoding]
        return
    assert sum(sizes) > SINGLE[found.encoding]
    space = JOINED[found.encoding]
    for part, size, following in zip(found.parts, sizes, found.parts[1:], strict=False):
        assert part
        whole = next(split_graphemes(following)) if found.encoding is UCS else following[0]
        assert size <= space < size + units(whole, found.encoding)
    assert 0 < sizes[-1] <= space


@given(st.text("ab€[|", max_size=700))
def test_gsm_units_are_counted_by_character(text: str) -> None:
    assert units(text, GSM) == sum(2 if one in EXTENSION else 1 for one in text)


@given(st.text(max_size=200))
def test_ucs2_units_are_those_of_utf_16(text: str) -> None:
    assert units(text, UCS) == len(text.encode("utf-16-be", "surrogatepass")) // 2


def test_characters_that_the_carrier_lacks_need_ucs2() -> None:
    lacked = frozenset("€Ω")
    assert segment("a" * 100 + "€", lacked).encoding is UCS
    assert [len(part) for part in segment("€" * 80, lacked).parts] == [67, 13]
    assert segment("a[" * 50, lacked).encoding is GSM
