"""Revisions and If-Match."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.products.sync.revisions import ABSENT, check, collection_revision, condition, revision


def test_revisions_are_lower_case_hexadecimal() -> None:
    assert [revision(n) for n in (0, 9, 10, 431)] == ["0", "9", "a", "1af"]
    assert [collection_revision(n) for n in (-1, 0, 431)] == ["0", "1", "1b0"]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ("a", 10),
        ('"a"', 10),
        ('W/"1AF"', 431),
        (" 1 ", 1),
        ("-1", ABSENT),
    ],
)
def test_conditions(header: str | None, wanted: int | None) -> None:
    assert condition(header) == wanted


@pytest.mark.parametrize("header", ["", '"', '"a', "g", "0x1", "1,2", '"1", "2"', "f" * 16, '"*"', "-2"])
def test_what_is_no_condition(header: str) -> None:
    with pytest.raises(ApiError) as refused:
        condition(header)
    assert refused.value.code == 54003


def test_a_condition_is_met_by_its_event_alone() -> None:
    check(None, 5, 54103)
    check(5, 5, 54103)
    with pytest.raises(ApiError) as refused:
        check(4, 5, 54103)
    assert (refused.value.code, refused.value.status) == (54103, 412)
