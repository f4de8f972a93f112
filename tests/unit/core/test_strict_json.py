"""JSON that must fit its type, and the field that an error names."""

from __future__ import annotations

import enum
from contextlib import suppress
from typing import Annotated

import msgspec
import pytest

from trunkline.core.strict_json import (
    MAX_DEPTH,
    MAX_FIELD,
    MAX_OBJECT,
    BadJson,
    decode_items,
    decode_json,
    decode_object,
)


class Colour(enum.Enum):
    RED = "red"


class Medium(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Annotated[str, msgspec.Meta(pattern="^a$")]
    content: bytes = b""


class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phone: str
    id: str | int = 0
    number: float = 0
    flag: bool = False
    colour: Colour = Colour.RED
    media: tuple[Medium, ...] = ()


def test_what_fits_is_decoded() -> None:
    text = '{"phone": "1", "id": 7, "media": [{"kind": "a", "content": "AAA="}]}'
    assert decode_json(text, Whole) == Whole("1", 7, media=(Medium("a", b"\0\0"),))
    assert decode_json(b"[1, 2]", list[int]) == [1, 2]


@pytest.mark.parametrize(
    ("text", "field", "why"),
    [
        ("{}", "phone", "is missing"),
        ('{"phone": "1", "body": 1}', "body", "is unknown"),
        ('{"phone": "1", "a`b": 1}', "a`b", "is unknown"),
        ('{"phone": "1", "line\\nbreak": 1}', "line\nbreak", "is unknown"),
        ('{"phone": 1}', "phone", "must be a text, not an integer"),
        ('{"phone": null}', "phone", "must be a text, not null"),
        ('{"phone": "1", "id": []}', "id", "must be an integer or a text, not a list"),
        ('{"phone": "1", "number": {}}', "number", "must be a number, not an object"),
        ('{"phone": "1", "flag": "yes"}', "flag", "must be true or false, not a text"),
        ('{"phone": "1", "colour": "blue"}', "colour", "is wrong: invalid enum value 'blue'"),
        ('{"phone": "1", "media": 1}', "media", "must be a list, not an integer"),
        ('{"phone": "1", "media": [{}]}', "media[0].kind", "is missing"),
        ('{"phone": "1", "media": [{"kind": "a", "x": 1}]}', "media[0].x", "is unknown"),
        ('{"phone": "1", "media": [{"kind": "b"}]}', "media[0].kind", "is wrong: expected `str` matching"),
        (
            '{"phone": "1", "media": [{"kind": "a", "content": "?"}]}',
            "media[0].content",
            "is wrong: invalid base64",
        ),
        ("[]", "", "must be an object, not a list"),
        ("", "", "is not valid JSON"),
        ("{", "", "is not valid JSON"),
        ('{"phone": "1"} x', "", "is not valid JSON"),
        (b'{"phone": "\xff"}', "", "is not valid JSON"),
        (b"\xff", "", "is not valid JSON"),
    ],
)
def test_an_error_names_its_field(text: str | bytes, field: str, why: str) -> None:
    with pytest.raises(BadJson) as caught:
        decode_json(text, Whole)
    assert caught.value.field == field
    assert caught.value.why.startswith(why), caught.value.why
    assert str(caught.value).startswith(f"{field} {why}".strip())


def test_depth_and_length_are_bounded() -> None:
    with pytest.raises(BadJson, match="is not valid JSON"):
        decode_json("[" * 100_000, list[object])
    with pytest.raises(BadJson) as caught:
        decode_json('{"phone": "1", "' + "x" * 1000 + '": 1}', Whole)
    assert caught.value.field == "x" * MAX_FIELD


@pytest.mark.parametrize("depth", [1, 500, 950, 990, 1000, 1100, 100_000])
def test_items_of_any_depth_are_decoded_or_refused(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    found: list[bytes] | None = None
    with suppress(BadJson):
        found = [bytes(item) for item in decode_items(msgspec.Raw(deep))]
    assert found == ([deep[1:-1]] if depth > 1 else []) or (found is None and depth > 500)


def test_an_object_is_decoded() -> None:
    deep = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    found: object = decode_object(deep)
    for _ in range(MAX_DEPTH):
        assert isinstance(found, dict)
        found = found["a"]
    assert found == 1
    assert decode_object('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ("x", "is not valid JSON"),
        ('{"a": 1e999}', "has a number that is out of range"),
        ('{"a": "' + "x" * MAX_OBJECT + '"}', "must have at most 16,384 characters"),
        ('{"a": "\\ud800"}', "is not valid JSON"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "is not valid JSON"),
        (
            '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
            "must not be nested deeper than 100 levels",
        ),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "must not be nested deeper than 100 levels"),
    ],
)
def test_what_is_no_object_that_can_be_kept_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadJson) as caught:
        decode_object(text)
    assert caught.value.why == why
