"""Tunnelled requests: what is decoded, and in which order."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest

from trunkline.api.errors import ApiError
from trunkline.api.form_data import MAX_FIELDS
from trunkline.realtime.client_packets import HttpRequest
from trunkline.realtime.tunnel import json_fields, parse_request


def _of(path: str = "/v3/Maps", method: str = "POST", **more: Any) -> Any:
    header = msgspec.json.decode(
        msgspec.json.encode({"path": path, "method": method, **more}), type=HttpRequest
    )
    return parse_request("data_sync", "IS1", header, b"data_sync")


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


def test_a_path_has_no_nul() -> None:
    for path in ("/v3/Maps/%00", "/v3/Maps/a\0b"):
        with pytest.raises(ApiError, match="NUL") as refused:
            _of(path)
        assert refused.value.code == 20001


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


def test_a_packet_has_no_more_parameters_than_a_request_over_http() -> None:
    names = [f"P{number}" for number in range(MAX_FIELDS)]
    assert len(_of(params=dict.fromkeys(names, "1")).params) == MAX_FIELDS
    many = ({"P": ["1"] * (MAX_FIELDS + 1)}, {"P": [1] * 20_002}, {"P": [[1, 1]] * 10_001})
    for values in (dict.fromkeys([*names, "X"], "1"), *many):
        with pytest.raises(ApiError, match=r"Too many parameters|has too many items") as refused:
            _of(params=values)
        assert refused.value.code == 20001


def test_a_packet_has_no_more_headers_than_a_request_over_http() -> None:
    with pytest.raises(ApiError, match=r"Too many parameters|has too many items") as refused:
        _of(headers={"P": [1] * 20_002})
    assert refused.value.code == 20001


@pytest.mark.parametrize("name", ["params", "headers"])
def test_a_text_with_half_a_character_is_refused(name: str) -> None:
    raw = {"P": msgspec.Raw(b'"\\ud800"')}
    with pytest.raises(ApiError, match="not valid JSON") as refused:
        parse_request("data_sync", "IS1", HttpRequest("/v3/Maps", "GET", **{name: raw}), b"")
    assert refused.value.code == 20001


def test_a_parameter_of_any_depth_is_read_or_refused() -> None:
    # The depth at which a parser gives up depends on where it is called.
    for depth in range(850, 1010):
        raw = {"P": msgspec.Raw(b"[" * depth + b"]" * depth)}
        with suppress(ApiError):
            parse_request("data_sync", "IS1", HttpRequest("/v3/Maps", "GET", params=raw), b"")


def test_a_body_has_no_more_members_than_a_form() -> None:
    body = msgspec.json.encode(dict.fromkeys(map(str, range(MAX_FIELDS + 1)), 1))
    with pytest.raises(ApiError, match="Too many parameters"):
        json_fields(body, frozenset(), 54008)
    with pytest.raises(ApiError) as refused:
        json_fields(b'{"a":"' + b":" * 20_001 + b'"}', frozenset(), 54008)
    assert refused.value.code == 54008
