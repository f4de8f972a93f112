"""From fields to a typed input."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import UNSET

from trunkline.api import params
from trunkline.api.errors import ApiError
from trunkline.api.params import Given, Parser


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of each kind."""

    friendly_name: Annotated[Given[str], params.text(1, 5, code=20002)] = UNSET
    note: Annotated[Given[str | None], params.text(clears=True)] = UNSET
    flag: Annotated[Given[bool], params.boolean()] = UNSET
    count: Annotated[Given[int], params.integer(1, 10)] = UNSET
    members: Annotated[Given[int], params.integer(0, 9), params.named("Limits.ChannelMembers")] = UNSET
    identity: Annotated[Given[list[str] | None], params.many(params.text(1, 3))] = UNSET


class Needy(msgspec.Struct, frozen=True, kw_only=True):
    """Required parameters."""

    to: Annotated[Given[str], params.text(), params.required()] = UNSET
    body: Annotated[Given[str | None], params.text(clears=True), params.required(21602)] = UNSET


def given(*body: tuple[str, str], query: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    return params.given(params.read(Everything, query, body))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        ([("FriendlyName", "a")], {"friendly_name": "a"}),
        ([("friendlyname", "a"), ("friendly_name", "b"), ("Unknown", "c")], {}),
        ([("FriendlyName", "a"), ("FriendlyName", "b")], {"friendly_name": "b"}),
        ([("Note", "")], {"note": None}),
        ([("Note", "x"), ("Note", "")], {"note": None}),
        ([("Flag", "TRUE")], {"flag": True}),
        ([("Flag", "False")], {"flag": False}),
        ([("Count", "+7")], {"count": 7}),
        ([("Limits.ChannelMembers", "9")], {"members": 9}),
        ([("Identity", "a"), ("Note", "n"), ("Identity", "b")], {"identity": ["a", "b"], "note": "n"}),
        ([("Identity", "a,b")], {"identity": ["a,b"]}),
        ([("Identity", "")], {"identity": None}),
        ([("Note", "ключ 🔑")], {"note": "ключ 🔑"}),
    ],
)
def test_what_is_given_is_read(pairs: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert given(*pairs) == expected


def test_a_name_in_the_body_hides_the_query_but_other_names_of_the_query_count() -> None:
    query = (("FriendlyName", "q"), ("Identity", "q"), ("Note", "q"))
    assert given(("FriendlyName", "b"), ("Identity", "b"), query=query) == {
        "friendly_name": "b",
        "identity": ["b"],
        "note": "q",
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("FriendlyName", "", 20002),
        ("FriendlyName", "sixsix", 20002),
        ("Flag", "", 20001),
        ("Flag", "1", 20001),
        ("Flag", "yes", 20001),
        ("Count", "", 20001),
        ("Count", "0", 20001),
        ("Count", "11", 20001),
        ("Count", "abc", 20001),
        ("Count", "5.0", 20001),
        ("Count", " 5", 20001),
        ("Count", "٣", 20001),
        ("Count", "9" * 5000, 20001),
        ("Identity", "long", 20001),
        ("Note", "a\x00b", 20001),
        ("Identity", "\x00", 20001),
    ],
)
def test_a_bad_value_is_refused(name: str, value: str, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        given((name, value))
    assert (refused.value.code, refused.value.status) == (code, 400)
    if code == 20001:
        assert name in refused.value.message


@pytest.mark.parametrize(
    ("pairs", "code", "text"),
    [
        ([("Body", "b")], 20001, "Missing required parameter To in the post body"),
        ([("To", "t")], 21602, None),
        ([("To", "t"), ("Body", "")], 21602, None),
    ],
)
def test_a_required_parameter_must_be_there(
    pairs: list[tuple[str, str]], code: int, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trunkline.api import error_codes

    monkeypatch.setitem(
        error_codes.ERROR_CODES, 21602, error_codes.ErrorCode(400, "Message body is required")
    )
    with pytest.raises(ApiError) as refused:
        params.read(Needy, (), pairs)
    assert refused.value.code == code
    assert text is None or refused.value.message == text


GOOD: list[tuple[Parser, str, Any]] = [
    (params.url(20), "http://h/" + "x" * 11, "http://h/" + "x" * 11),
    (params.url(), "https://user:pw@h.example:8443/p?q=1#rc=2&rp=5xx", None),
    (params.url(), "http://[::1]:80/", None),
    (params.url(), "HTTPS://H", None),
    (params.sid("IS"), "IS" + "0aF" * 10 + "00", None),
    (params.choice("GET", "POST", fold=True), "post", "POST"),
    (params.choice("asc"), "asc", "asc"),
    (params.json_object(), '{"a": {"b": [1, 1e3, "ü"]}}', None),
    (params.json_object(), "{}", None),
    (params.date(), "2024-02-29", datetime.date(2024, 2, 29)),
    (params.text(), "", ""),
    (params.integer(-5, 5), "-5", -5),
]


@pytest.mark.parametrize(("parser", "value", "expected"), GOOD)
def test_a_good_value_is_read(parser: Parser, value: str, expected: Any) -> None:
    assert parser.parse("Name", value) == (value if expected is None else expected)


BAD: list[tuple[Parser, str]] = [
    *((params.url(20), value) for value in ("", "nope", "//h/p", "/p", "ftp://h/", "http://h/" + "x" * 12)),
    *(
        (params.url(), value)
        for value in ("http://", "http://:80/", "http:///p", "http://h:0/", "http://h:65536/")
    ),
    *(
        (params.url(), value)
        for value in ("http://h:x/", "http://h/a b", "http://h\n", "http://[::1", " http://h")
    ),
    *((params.sid("IS"), value) for value in ("IS", "MG" + "0" * 32, "IS" + "g" * 32, "is" + "0" * 32)),
    *((params.sid("IS"), value) for value in ("IS" + "0" * 33, "IS" + "0" * 32 + "\n")),
    (params.choice("GET", "POST"), "get"),
    (params.choice("GET"), ""),
    *(
        (params.json_object(), value)
        for value in ("[1]", "5", "null", "{bad", "", "NaN", '{"a":1}x', "{'a':1}")
    ),
    (params.json_object(), '{"a":' * 100_000),
    *(
        (params.date(), value)
        for value in ("2023-02-29", "20240229", "2024-W01-1", "2024-2-9", "", "2024-02-29T00")
    ),
]


@pytest.mark.parametrize(("parser", "value"), BAD)
def test_a_value_out_of_form_is_refused_with_the_name(parser: Parser, value: str) -> None:
    with pytest.raises(ApiError) as refused:
        parser.parse("Name", value)
    assert refused.value.code == 20001
    assert "Name" in refused.value.message


@pytest.mark.parametrize(
    "parser",
    [
        params.url(code=54051),
        params.integer(1, 2, code=54051),
        params.sid("IS", code=54051),
        params.choice("a", code=54051),
        params.json_object(code=54051),
        params.text(20, code=54051),
    ],
)
def test_a_resource_may_have_its_own_code(parser: Parser) -> None:
    with pytest.raises(ApiError) as refused:
        parser.parse("Name", "nope")
    assert refused.value.code == 54051


@pytest.mark.parametrize(
    ("low", "high", "value", "bound"),
    [(1, 0, "", "at least 1"), (2, 3, "x", "2 to 3"), (0, 3, "four", "0 to 3")],
)
def test_the_text_of_a_refusal_tells_the_bounds(low: int, high: int, value: str, bound: str) -> None:
    with pytest.raises(ApiError, match=f"must be {bound} characters long"):
        params.text(low, high).parse("Name", value)


def test_the_names_of_an_input_are_pascal_case() -> None:
    assert params.names(Everything) == (
        "FriendlyName",
        "Note",
        "Flag",
        "Count",
        "Limits.ChannelMembers",
        "Identity",
    )


def test_an_input_whose_field_has_no_parser_is_a_mistake() -> None:
    Careless = msgspec.defstruct("Careless", [("name", str, "")])
    with pytest.raises(TypeError, match="name"):
        params.read(Careless, ())
