"""Answers to a 401, against the examples of the standard."""

from __future__ import annotations

from base64 import b64encode

import pytest

from trunkline.core.webhooks.challenges import authorization_for

BASIC = "Basic " + b64encode(b"Mufasa:Circle of Life").decode()
URL = "http://www.example.org/dir/index.html"
NONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_as_in_the_standard(algorithm: str, response: str) -> None:
    made = authorization_for(["Basic realm=x", CHALLENGE.format(algorithm)], BASIC, "GET", URL, NONCE)
    assert made is not None
    assert made.startswith('Digest username="Mufasa", realm="http-auth@example.org"')
    assert f'response="{response}"' in made
    assert 'uri="/dir/index.html"' in made
    assert made.endswith(f"algorithm={algorithm}, qop=auth, nc=00000001")


def test_digest_of_the_older_standard_without_qop() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    made = authorization_for([challenge], BASIC, "GET", "http://h/dir/index.html?a=1", NONCE)
    assert made is not None
    assert "cnonce" not in made
    assert 'uri="/dir/index.html?a=1"' in made


@pytest.mark.parametrize(
    ("challenges", "expected"),
    [
        ([], BASIC),
        (["Basic"], BASIC),
        (['basic realm="x"'], BASIC),
        (["Negotiate"], None),
        (["Digest realm=x"], None),
        (["Digest realm=x", "Basic realm=x"], BASIC),
        ([CHALLENGE.format("SHA-512-256")], None),
        (['Digest realm="x", nonce="y", qop="auth-int"'], None),
        (["", "Digest " + "a" * 100_000], None),
    ],
)
def test_what_is_asked_for_decides(challenges: list[str], expected: str | None) -> None:
    assert authorization_for(challenges, BASIC, "POST", URL, NONCE) == expected
