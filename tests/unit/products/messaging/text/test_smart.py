"""Smart encoding: the table whole, and all or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.gsm import is_gsm
from trunkline.products.messaging.text.smart import TABLE, smart_encode

SAMPLES = [
    ("“Hi” — it’s…", '"Hi" - it\'s...'),
    ("a\tb", "a" + " " * 7 + "b"),
    ("¼½¾", "1/41/23/4"),
    ("‼", "!!"),
    ("a\u00a0b\u2003c\u2028d", "a b c d"),
    ("a\u200bb\ufeff", "ab"),
    ("０１９ＡＺ", "019AZ"),
    ("ᴀᴡʏᴢ", "AWYZ"),
    ("ᴘʀꜱ", "PRS"),
    ("`", "'"),
    ("⁄÷", "//"),
    ("‹›«»", '<>""'),
    ("[]{}", "[]{}"),
    ("plain", "plain"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "sent"), SAMPLES)
def test_samples(text: str, sent: str) -> None:
    assert smart_encode(text) == sent


@pytest.mark.parametrize("text", ["“Hi” 😀", "“я”", "’ç", "á—"])
def test_a_text_that_cannot_become_gsm_stays_as_it_is(text: str) -> None:
    assert smart_encode(text) == text


def test_the_table_is_whole() -> None:
    assert len(TABLE) == 271
    assert all(is_gsm(text) for text in TABLE.values())
    assert not any(is_gsm(chr(code)) for code in TABLE)


@given(st.text(st.sampled_from([*map(chr, TABLE), "a", "😀", "я"]), max_size=20) | st.text(max_size=20))
def test_all_or_nothing(text: str) -> None:
    sent = smart_encode(text)
    if all(is_gsm(one) or ord(one) in TABLE for one in text):
        assert sent == "".join(TABLE.get(ord(one), one) for one in text)
        assert is_gsm(sent)
    else:
        assert sent == text


@given(st.text(max_size=50))
def test_twice_is_once(text: str) -> None:
    assert smart_encode(smart_encode(text)) == smart_encode(text)
