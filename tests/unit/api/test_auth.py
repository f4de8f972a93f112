"""The Authorization header."""

from __future__ import annotations

import base64

import pytest

from trunkline.api.auth import basic, wrong_credentials
from trunkline.api.errors import ApiError

AC, SK = "AC" + "0" * 32, "SK" + "f" * 32

NONE = "Authentication Error - No credentials provided"
USERNAME = "Authentication Error - invalid username"


def encoded(text: str | bytes, scheme: str = "Basic ") -> str:
    raw = text.encode() if isinstance(text, str) else text
    return scheme + base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("header", "pair"),
    [
        (encoded(f"{AC}:token"), (AC, "token")),
        (encoded(f"{SK}:secret", "basic "), (SK, "secret")),
        (encoded(f"{AC}:a:b"), (AC, "a:b")),
        (encoded(f"{AC}:"), (AC, "")),
        (encoded(f"{AC}:ключ"), (AC, "ключ")),
        (encoded(f"{AC}:t", "BASIC   ") + "  ", (AC, "t")),
    ],
)
def test_user_name_and_password_are_read(header: str, pair: tuple[str, str]) -> None:
    assert basic(header) == pair


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, NONE),
        ("", NONE),
        ("Basic", USERNAME),
        ("Bearer abc", NONE),
        ("Digest username=x", NONE),
        ("Basic !!!", USERNAME),
        ("Basic ü", USERNAME),
        (encoded(f"{AC}token"), USERNAME),
        (encoded(":token"), USERNAME),
        (encoded("user:token"), USERNAME),
        (encoded("IS" + "0" * 32 + ":token"), USERNAME),
        (encoded(AC.lower() + ":token"), USERNAME),
        (encoded(AC + "0:token"), USERNAME),
        (encoded(b"\xff\xfe:x"), USERNAME),
        (encoded(f"{AC}\x00:x"), USERNAME),
    ],
)
def test_anything_else_is_a_401_with_a_challenge(header: str | None, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        basic(header)
    assert (refused.value.status, refused.value.code, refused.value.message) == (401, 20003, message)
    assert refused.value.headers == {"WWW-Authenticate": 'Basic realm="Twilio API"'}


def test_wrong_credentials_have_the_documented_texts() -> None:
    error = wrong_credentials()
    assert (error.message, error.detail) == ("Authenticate", "Your AccountSid or AuthToken was incorrect.")
