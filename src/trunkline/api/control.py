"""The border between the HTTP door and the control API below ``/_trunkline``. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec


class ControlRequest(msgspec.Struct, frozen=True):
    """A request below ``/_trunkline``: the path without that prefix and without a slash at its end, the query and
    the Authorization header as they were sent."""

    method: str
    path: str
    query: str = ""
    authorization: str = ""


ControlAnswer = tuple[int, bytes, bytes]
"""Status, content type and body."""

Control = Callable[[ControlRequest], Awaitable[ControlAnswer | None]]
"""Answers a control request; None for an unknown path. Raises ApiError."""
