"""SIDs and tokens."""

from __future__ import annotations

import re

import pytest

from trunkline.core.sids import is_sid, new_sid, new_token


def test_new_names_have_their_form_and_differ() -> None:
    sids = {new_sid("IS") for _ in range(100)}
    assert len(sids) == 100
    assert all(re.fullmatch(r"IS[0-9a-f]{32}", sid) for sid in sids)
    assert re.fullmatch(r"[0-9a-f]{32}", new_token())
    assert new_token() != new_token()


@pytest.mark.parametrize(
    ("text", "prefix", "fits"),
    [
        ("IS" + "0aF3" * 8, "", True),
        ("IS" + "0" * 32, "IS", True),
        ("IS" + "0" * 32, "MG", False),
        ("is" + "0" * 32, "", False),
        ("IS" + "0" * 31, "IS", False),
        ("IS" + "0" * 33, "IS", False),
        ("IS" + "0" * 31 + "g", "IS", False),
        ("IS" + "0" * 32 + "\n", "IS", False),
        (" IS" + "0" * 32, "IS", False),
        ("IS" + "٣" * 32, "IS", False),
        ("default", "", False),
        ("", "", False),
    ],
)
def test_the_form_of_a_sid_is_known(text: str, prefix: str, fits: bool) -> None:
    assert is_sid(text, prefix) is fits
