"""The border between the HTTP door and what anybody may fetch: media, and the short links in messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from trunkline.api.contents import Content


class PublicRequest(msgspec.Struct, frozen=True):
    """A request without an account: the Host header as received, the path as requested, and two headers. A HEAD is a
    GET here, which ``head`` tells."""

    method: str
    authority: str
    path: str
    authorization: str = ""
    user_agent: str = ""
    head: bool = False


class PublicAnswer(msgspec.Struct, frozen=True):
    """A response: a ``body`` whose Content-Type is in ``headers``, or a ``content`` that is streamed."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    content: Content | None = None


class Public(Protocol):
    """Whoever serves paths without credentials."""

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path is one of its own; asked for each request, so it must be quick."""
        ...

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """The answer; None leaves the request to the API, which knows no such path. Raises ApiError."""
        ...


class Nothing:
    """Serves no path."""

    def claims(self, raw_path: bytes) -> bool:
        """No path."""
        return False

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """Nothing."""
        return None


class PublicPaths:
    """Several public doors as one. It implements ``Public``."""

    def __init__(self, doors: Sequence[Public]) -> None:
        self._doors = tuple(doors)

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path belongs to one of the doors."""
        return any(door.claims(raw_path) for door in self._doors)

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """Return the answer of the first door that claims the path and has one."""
        raw_path = request.path.encode()
        for door in self._doors:
            if door.claims(raw_path) and (answer := await door.answer(request)) is not None:
                return answer
        return None
