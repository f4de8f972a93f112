"""The cookie of a session, and the token of its changes."""

from __future__ import annotations

import pytest

from trunkline.api import sessions

ID, OTHER = "ab" * 16, "cd" * 16


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ""),
        (f"s={ID}", ID),
        (f"a=b; s={ID};c=d", ID),
        (f" s={ID} ", ID),
        (f"s={ID}; s={ID}", ID),
        (f"s={ID}; s={OTHER}", ""),
        (f"s={ID}; s=", ""),
        (f"S={ID}", ""),
        (f"xs={ID}; s", ""),
        (f"s={ID}0", ""),
        (f"s={ID.upper()}", ""),
        (f's="{ID}"', ""),
    ],
)
def test_a_cookie_names_one_session(header: str, found: str) -> None:
    assert sessions.read_cookie(header, "s") == found


def test_a_token_is_the_one_of_its_session() -> None:
    token = sessions.csrf_token(ID)
    assert ID not in token
    assert sessions.is_csrf_token(ID, token)
    assert not any(
        sessions.is_csrf_token(*pair) for pair in ((OTHER, token), (ID, ""), (ID, "ü"), ("", token))
    )
    assert not sessions.is_csrf_token("", sessions.csrf_token(""))


def test_a_cookie_is_set_for_the_pages_and_taken_away() -> None:
    plain = "Path=/_trunkline; HttpOnly; SameSite=Strict"
    assert sessions.set_cookie("s", ID, secure=False) == f"s={ID}; {plain}"
    assert sessions.set_cookie("s", "", secure=True) == f"s=; {plain}; Max-Age=0; Secure"
