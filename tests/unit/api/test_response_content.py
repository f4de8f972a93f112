"""The part of a content that a Range header selects."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.response_content import ResponseContent, select


async def nothing(start: int, end: int) -> AsyncGenerator[bytes, None]:
    yield b""


CONTENT = ResponseContent("image/png", 10, nothing, {"X-Content-Type-Options": "nosniff"})


@pytest.mark.parametrize(
    ("requested", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 6),
        (" bytes=9- ", 9, 10),
        ("bytes=0-99", 0, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-99", 0, 10),
    ],
)
def test_a_range_is_selected(requested: str, start: int, end: int) -> None:
    selection = select(CONTENT, requested)
    assert (selection.status, selection.start, selection.end) == (206, start, end)
    assert selection.headers == {
        "Content-Type": "image/png",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Range": f"bytes {start}-{end - 1}/10",
        "Content-Length": str(end - start),
    }


@pytest.mark.parametrize(
    "requested", ["", "bytes=-", "bytes=5-2", "bytes=1-2,4-5", "items=0-1", "bytes=a-b", f"bytes={'9' * 19}-"]
)
def test_everything_else_selects_the_whole(requested: str) -> None:
    selection = select(CONTENT, requested)
    assert (selection.status, selection.start, selection.end) == (200, 0, 10)
    assert selection.headers["Content-Length"] == "10"
    assert "Content-Range" not in selection.headers


@pytest.mark.parametrize("requested", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_a_range_outside_is_a_416(requested: str) -> None:
    with pytest.raises(ApiError) as error:
        select(CONTENT, requested)
    assert (error.value.status, error.value.headers) == (416, {"Content-Range": "bytes */10"})


def test_an_empty_content_has_no_ranges() -> None:
    empty = ResponseContent("image/png", 0, nothing)
    assert select(empty, "").headers["Content-Length"] == "0"
    with pytest.raises(ApiError):
        select(empty, "bytes=0-")
