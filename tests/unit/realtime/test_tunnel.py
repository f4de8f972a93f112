"""Tunnelled requests: what is decoded, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.realtime.client_packets import HttpRequest
from trunkline.realtime.tunnel import parse_request


def _of(path: str = "/v3/Maps", method: str = "POST", **more: Any) -> Any:
    return parse_request("data_sync", "IS1", HttpRequest(path, method, **more), b"data_sync")


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/v3/Documents/doc%20one%2F%C3%BC%3F", ("v3", "Documents", "doc one/ü?")),
        ("/base/v3/Maps/a+b/Items/", ("base", "v3", "Maps", "a+b", "Items", "")),
        ("/v3/Maps/x?PageSize=5", ("v3", "Maps", "x")),
        ("/", ("",)),
        ("", ("",)),
        ("/%FF", ("\ufffd",)),
    ],
)
def test_segments_are_split_before_they_are_decoded(path: str, segments: tuple[str, ...]) -> None:
    assert _of(path).segments == segments


def test_parameters_are_decoded_once_and_may_repeat() -> None:
    params = {
        "From": "a%2526%20b+c",
        "Key": ["1", "%32"],
        "PageSize": 10,
        "On": True,
        "None": None,
        "%41": "x",
    }
    assert _of(params=params).params == (
        ("From", "a%26 b+c"),
        ("Key", "1"),
        ("Key", "2"),
        ("PageSize", "10"),
        ("On", "true"),
        ("A", "x"),
    )


def test_header_names_are_small() -> None:
    assert _of(headers={"If-Match": "1a", "X-Number": 5}).headers == {"if-match": "1a", "x-number": "5"}


@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("delete", b""), ("POST", b"data_sync"), ("PUT", b"data_sync")]
)
def test_only_writes_have_a_body(method: str, body: bytes) -> None:
    request = _of(method=method)
    assert (request.method, request.body) == (method.upper(), body)
