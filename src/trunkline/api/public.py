"""The border between the HTTP door and public paths: attachments, and the short links in messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from trunkline.api.response_content import ResponseContent


class PublicRequest(msgspec.Struct, frozen=True):
    """A request without an account: the Host header as received, the path as requested, and three headers. A HEAD is a
    GET here, with ``head`` set."""

    method: str
    authority: str
    path: str
    authorization: str = ""
    user_agent: str = ""
    if_none_match: str = ""
    head: bool = False


class PublicResponse(msgspec.Struct, frozen=True):
    """A response: a ``body`` whose Content-Type is in ``headers``, or a ``content`` that is streamed."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    content: ResponseContent | None = None


class Public(Protocol):
    """A server of paths without credentials."""

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path is one of its own. It runs for each request, so it must be quick."""
        ...

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the response; None leaves the request to the API, which has no such path. Raise ApiError to reject
        it."""
        ...


class PublicPaths:
    """Several public doors, each with the name of its product, as one. It implements ``Public``."""

    def __init__(self, doors: Sequence[tuple[str, Public]]) -> None:
        self._doors = tuple(doors)

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path belongs to one of the doors."""
        return any(door.claims(raw_path) for _, door in self._doors)

    def product_of(self, raw_path: bytes) -> str:
        """Return the product of the first door that claims the path; an empty text if none does."""
        return next((product for product, door in self._doors if door.claims(raw_path)), "")

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the response of the first door that claims the path and has one."""
        raw_path = request.path.encode()
        for _, door in self._doors:
            if door.claims(raw_path) and (response := await door.respond(request)) is not None:
                return response
        return None
