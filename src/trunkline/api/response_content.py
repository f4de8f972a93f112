"""Response bodies that are not JSON and are streamed from storage, whole or in a range (RFC 9110, section 14). Pure."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping

import msgspec

from trunkline.api.errors import ApiError

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class ResponseContent(msgspec.Struct, frozen=True):
    """A body of ``size`` bytes. ``read`` yields those from its first argument until before its second."""

    media_type: str
    size: int
    read: Callable[[int, int], AsyncGenerator[bytes, None]]
    headers: Mapping[str, str] = {}


def in_memory(media_type: str, body: bytes) -> ResponseContent:
    """Return a ResponseContent that is a few bytes in memory."""

    async def read(start: int, end: int) -> AsyncGenerator[bytes, None]:
        yield body[start:end]

    return ResponseContent(media_type, len(body), read)


class Selection(msgspec.Struct, frozen=True):
    """The part of a ResponseContent that a request selects, with the status and headers of its response."""

    status: int
    headers: Mapping[str, str]
    start: int
    end: int


def select(content: ResponseContent, requested: str) -> Selection:
    """Return the range that a Range header requests, or everything if it is empty, not understood, or more than one
    range. Raise ApiError with status 416 if the content has no such bytes."""
    headers = {
        "Content-Type": content.media_type,
        "Accept-Ranges": "bytes",
        **content.headers,
    }
    bounds = _bounds(requested, content.size)
    if bounds is None:
        return Selection(200, headers | {"Content-Length": str(content.size)}, 0, content.size)
    start, end = bounds
    if not start < end <= content.size:
        outside = {"Content-Range": f"bytes */{content.size}"}
        raise ApiError(20001, "The requested range is outside the content", status=416, headers=outside)
    headers |= {
        "Content-Range": f"bytes {start}-{end - 1}/{content.size}",
        "Content-Length": str(end - start),
    }
    return Selection(206, headers, start, end)


def _bounds(requested: str, size: int) -> tuple[int, int] | None:
    found = _RANGE.fullmatch(requested.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        length = int(found[2])
        return max(size - length, 0), size if length else 0
    start = int(found[1])
    if not found[2]:
        return start, size
    end = int(found[2]) + 1
    return None if end <= start else (start, min(end, size))
