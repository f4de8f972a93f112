"""The sending of a content that is streamed from storage, as an ASGI response."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from typing import Any, NamedTuple

from trunkline.api.headers import Headers
from trunkline.api.response_content import ResponseContent, Selection, select

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def header_lines(named: Mapping[str, str]) -> Headers:
    """Return headers as ASGI has them."""
    return [(name.lower().encode(), value.encode()) for name, value in named.items()]


class OutgoingContent(NamedTuple):
    """A content on its way out: its first piece, and the rest."""

    selection: Selection
    first: bytes
    pieces: AsyncGenerator[bytes, None] | None

    async def send(self, send: Send, lines: Headers) -> None:
        """Send it behind a head with ``lines``. If storage fails in between, the connection ends before the announced
        length."""
        headers = [*lines, *header_lines(self.selection.headers)]
        await send({"type": "http.response.start", "status": self.selection.status, "headers": headers})
        if self.pieces is not None:
            async with aclosing(self.pieces):
                await send({"type": "http.response.body", "body": self.first, "more_body": True})
                async for piece in self.pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def open_content(content: ResponseContent, range_header: str, *, head: bool) -> OutgoingContent:
    """Return the selected part of a content with its first piece read: storage that fails is an error response still.
    Of a request for the ``head`` nothing is read. Raise ApiError with status 416."""
    selection = select(content, range_header)
    if head or selection.start == selection.end:
        return OutgoingContent(selection, b"", None)
    pieces = content.read(selection.start, selection.end)
    return OutgoingContent(selection, await anext(pieces), pieces)
