"""The rules of kept data."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.products.sync.data import compact


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (' { "a" : [ 1 , 2 ] } ', '{"a":[1,2]}'),
        ('{"b":1,"a":2}', '{"b":1,"a":2}'),
        ('{"n":1.0,"m":1E400,"k":18446744073709551616}', '{"n":1.0,"m":1E400,"k":18446744073709551616}'),
        ('{"a":"\\u0416\\/\\n"}', '{"a":"Ж/\\n"}'),
        ('{"a":"\\ud83d\\ude00"}', '{"a":"😀"}'),
        ('{"a\\u0000":"\\u0000"}', '{"a\\u0000":"\\u0000"}'),
        ('{"a":"\\"\\\\\\"","b":"{ }"}', '{"a":"\\"\\\\\\"","b":"{ }"}'),
    ],
)
def test_the_compact_form(given: str, kept: str) -> None:
    assert compact(given, 54101) == kept
    assert compact(kept, 54101) == kept


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "1", "true", '"{}"', "{}{}", '{"a":1,}', "{'a':1}", '{"a":01}']
)
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        compact(text, 54101)
    assert refused.value.code == 54008


def test_null_has_a_code_of_its_own() -> None:
    with pytest.raises(ApiError) as refused:
        compact(" null", 54156)
    assert refused.value.code == 54156


def test_nesting_beyond_the_stack_is_invalid() -> None:
    with pytest.raises(ApiError) as refused:
        compact('{"a":' * 100_000, 54101)
    assert refused.value.code == 54008


def test_the_limit_is_in_bytes_of_the_compact_form() -> None:
    assert len(compact('{ "a": "' + "\\u044f" * 4 + '" }', 54251, 16).encode()) == 16
    with pytest.raises(ApiError) as refused:
        compact('{"a":"' + "я" * 4 + 'x"}', 54251, 16)
    assert refused.value.code == 54006
