"""Signatures as the SDK's own validator checks them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256

import pytest
from twilio.request_validator import RequestValidator

from trunkline.core.webhooks.signature import sign, with_digest, with_query

TOKEN = "0123456789abcdef0123456789abcdef"
URL = "https://a.example/hook?x=1&y=%20"


class RepeatedForm(dict[str, list[str]]):
    """A form as web frameworks give it: a name may have several values."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self[name]


FORMS = [
    (),
    (("Body", "hello world"), ("AccountSid", "AC1")),
    (("b", "1"), ("B", "2"), ("a", "3"), ("_", "4"), ("a.b", "5")),
    (("Body", "Grüße, 世界 👋\n"), ("Ü", "ö")),
    (("To", "b"), ("To", "a"), ("To", "b"), ("A", "")),
]


@pytest.mark.parametrize("pairs", FORMS)
def test_forms_pass_the_validator(pairs: tuple[tuple[str, str], ...]) -> None:
    signature = sign(TOKEN, URL, pairs)
    assert RequestValidator(TOKEN).validate(URL, RepeatedForm(pairs), signature)
    assert not RequestValidator(TOKEN).validate(URL, RepeatedForm((*pairs, ("more", "1"))), signature)
    assert not RequestValidator(TOKEN[::-1]).validate(URL, RepeatedForm(pairs), signature)


@pytest.mark.parametrize("port", [":80", ":443", ":8443", ""])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_ports_pass_the_validator_however_it_sees_them(scheme: str, port: str) -> None:
    url = f"{scheme}://a.example{port}/hook"
    signature = sign(
        TOKEN, url.removesuffix("/hook").removesuffix(":443" if scheme == "https" else ":80") + "/hook"
    )
    assert RequestValidator(TOKEN).validate(url, {}, signature)


def test_a_get_is_signed_by_its_url_alone() -> None:
    url = with_query(URL, "Body=hi")
    assert url == URL + "&Body=hi"
    assert RequestValidator(TOKEN).validate(url, {}, sign(TOKEN, url))


def test_a_json_body_is_covered_by_its_digest() -> None:
    body = json.dumps({"text": "Grüße"}).encode()
    for written in (URL, "https://a.example/hook"):
        url = with_digest(written, body)
        assert url.endswith(f"bodySHA256={sha256(body).hexdigest()}")
        signature = sign(TOKEN, url)
        assert RequestValidator(TOKEN).validate(url, body.decode(), signature)
        assert not RequestValidator(TOKEN).validate(url, body.decode() + " ", signature)


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        ("http://a/", "", "http://a/"),
        ("http://a/", "b=1", "http://a/?b=1"),
        ("http://a/?", "b=1", "http://a/?b=1"),
        ("http://a/?a", "b=1", "http://a/?a&b=1"),
        ("http://a/?a&", "b=1", "http://a/?a&b=1"),
    ],
)
def test_a_query_is_added(url: str, query: str, expected: str) -> None:
    assert with_query(url, query) == expected
