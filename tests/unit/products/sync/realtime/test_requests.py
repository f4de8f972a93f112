"""Bodies and paths of tunnelled requests."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.products.sync.realtime.product import fields, full_path


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"{}", []),
        (b'{"unique_name":"a b","ttl":60}', [("UniqueName", "a b"), ("Ttl", "60")]),
        (b'{"data":{"x": 1.0}}', [("Data", '{"x": 1.0}')]),
        (b'{"data":null,"ttl":null}', [("Data", "null")]),
        (b'{"data":"text"}', [("Data", '"text"')]),
        (b'{"unique_name":"\\u00fc"}', [("UniqueName", "ü")]),
    ],
)
def test_members_become_fields(body: bytes, expected: list[tuple[str, str]]) -> None:
    assert list(fields(body)) == expected


@pytest.mark.parametrize(
    "body", [b"data_sync", b"[]", b'{"a":', b"\xff", b'{"unique_name":"\xff"}', b"[" * 10_000]
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        fields(body)
    assert refused.value.code == 54008


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("v3/Documents/a", "v3/Services/IS1/Documents/a"),
        ("base/v3/Documents/v4", "v3/Services/IS1/Documents/v4"),
        ("v3/Services/IS2/Documents", "v3/Services/IS2/Documents"),
        ("v4/Subscriptions", "v4/Services/IS1/Subscriptions"),
        ("v3", "v3/Services/IS1"),
        ("Documents", ""),
    ],
)
def test_bare_paths_are_below_the_service_of_the_token(path: str, expected: str) -> None:
    assert "/".join(full_path(tuple(path.split("/")), "IS1")) == expected
