"""Percent escapes: the same result as the standard library's, from one pass."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.percent import BrokenEscape, unescape, unescape_leniently

TEXTS = st.lists(
    st.sampled_from(
        [b"%41", b"%c3%A9", b"%00", b"%0A", b"%", b"=", b"4", b"g", b"\r", b"\n", b" ", b"\t", b"\xc3"]
    )
).map(b"".join)


@given(TEXTS)
def test_it_decodes_like_the_standard_library(raw: bytes) -> None:
    assert unescape_leniently(raw) == unquote_to_bytes(raw)
    broken = re.search(rb"%(?![0-9A-Fa-f]{2})", raw)
    try:
        assert unescape(raw) == unquote_to_bytes(raw)
        assert not broken
    except BrokenEscape:
        assert broken
