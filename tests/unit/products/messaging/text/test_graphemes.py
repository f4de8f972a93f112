"""Graphemes: each rule by an example. The texts of the vendor's calculator are compared in the clients' tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.products.messaging.text.graphemes import split_graphemes


@pytest.mark.parametrize(
    "graphemes",
    [
        [],
        ["a", "b"],
        ["я", "中", "😀"],
        ["\r", "\n", "\u200b", "я"],
        ["e\u0301", "a"],
        ["\n", "\u0301"],
        ["👨\u200d👩\u200d👧\u200d👦", "👩\u200d🚀"],
        ["я\u200d", "я"],
        ["👍🏽", "👍\ufe0f🏽", "👍"],
        ["я", "🏽"],
        ["👍\u0301\u0301", "🏽"],
        ["👩\u200d❤\ufe0f\u200d👨", "🏿"],
        ["🇩🇪", "🇫🇷", "🇦", "я"],
        ["🇩🇪\u0301", "\u0301"],
        ["🇩\u0301\u0301", "🇪"],
        ["\u0600\u0661", "\u0600🇩", "🇪"],
        ["ก\u0e33", "क्षि"[:2], "षि"],
        ["각", "\u1100\u1161\u11a8", "가\u11a8\u11a8", "각", "가"],
        ["\u1100각", "\u1100가", "\u1100\u1100", "a"],
    ],
)
def test_graphemes(graphemes: list[str]) -> None:
    assert list(split_graphemes("".join(graphemes))) == graphemes


@given(st.text())
def test_graphemes_together_are_the_text(text: str) -> None:
    assert "".join(split_graphemes(text)) == text
