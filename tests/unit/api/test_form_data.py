"""From bytes to fields."""

from __future__ import annotations

from contextlib import suppress

import pytest

from trunkline.api import form_data
from trunkline.api.errors import ApiError


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"A=1", [("A", "1")]),
        (b"A=&B", [("A", ""), ("B", "")]),
        (b"A=a+b%20c", [("A", "a b c")]),
        (b"A=1&A=2", [("A", "1"), ("A", "2")]),
        (b"A=1;B=2", [("A", "1;B=2")]),
        (b"A=1=2", [("A", "1=2")]),
        (b"&&A=1&", [("A", "1")]),
        (b"DateSent%3C=2020-01-01", [("DateSent<", "2020-01-01")]),
        ("A=ключ".encode(), [("A", "ключ")]),
        (b"A=%D0%BA", [("A", "к")]),
        (b"A=%00", [("A", "\x00")]),
    ],
)
def test_a_form_is_read(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert list(form_data.parse_form(raw, "query")) == expected


@pytest.mark.parametrize(
    "raw", [b"A=%", b"A=%2", b"A=%zz", b"%=1", b"A=%\xff", b"A=\xff", b"A=%ff", b"A=%C3%28"]
)
def test_a_broken_form_is_refused_and_the_place_named(raw: bytes) -> None:
    with pytest.raises(ApiError, match="query") as refused:
        form_data.parse_form(raw, "query")
    assert refused.value.code == 20001


def test_a_thousand_fields_are_read_and_one_more_is_refused() -> None:
    assert len(form_data.parse_form(b"&".join([b"A=1"] * 1000), "body")) == 1000
    with pytest.raises(ApiError, match="at most 1000"):
        form_data.parse_form(b"&".join([b"A=1"] * 1001), "body")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", []),
        (b'{"A":"x"}', [("A", "x")]),
        (b'{"A":1.5,"B":true,"C":null}', [("A", "1.5"), ("B", "true"), ("C", "")]),
        (b'{"A":["x","y"],"B":[]}', [("A", "x"), ("A", "y")]),
        (b'{"Data":{"a":[1]}}', [("Data", '{"a":[1]}')]),
    ],
)
def test_a_json_body_is_read_leniently(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert list(form_data.parse_body(raw, "Application/JSON; charset=utf-8")) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"1",
        b"null",
        b"{",
        b"\xff",
        b'{"A":"\xff"}',
        b'{"A":"\\ud800"}',
        b'{"A":' * 50_000,
        b'{"A":' + b"9" * 5000 + b"}",
        b'{"A":1e400}',
        b'{"A":[' + b"1," * 1000 + b"1]}",
    ],
)
def test_a_broken_json_body_is_refused(raw: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        form_data.parse_body(raw, "application/json")
    assert refused.value.code == 20001


@pytest.mark.parametrize(
    "kind", ["", "application/x-www-form-urlencoded", " Application/X-WWW-form-urlencoded ;q=1"]
)
def test_a_body_without_another_type_is_a_form(kind: str) -> None:
    assert list(form_data.parse_body(b"A=1", kind)) == [("A", "1")]


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/xml"])
def test_a_body_of_another_type_is_refused_but_not_an_empty_one(kind: str) -> None:
    with pytest.raises(ApiError) as refused:
        form_data.parse_body(b"A=1", kind)
    assert refused.value.code == 20001
    assert list(form_data.parse_body(b"", kind)) == []


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_a_json_body_of_any_depth_is_read_or_refused(opening: bytes, closing: bytes) -> None:
    # The depth at which a parser gives up depends on where it is called.
    for depth in range(850, 1010):
        raw = b'{"Data":' + opening * depth + b"1" + closing * depth + b"}"
        with suppress(ApiError):
            form_data.parse_body(raw, "application/json")
