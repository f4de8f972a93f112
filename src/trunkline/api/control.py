"""The border between the HTTP door and the control API below ``/_trunkline``. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.api import fields
from trunkline.api.params import Fields


class ControlRequest(msgspec.Struct, frozen=True):
    """A request below ``/_trunkline``: the path without that prefix and without a slash at its end, the query and
    the Authorization header as they were sent, and the body of a POST."""

    method: str
    path: str
    query: str = ""
    authorization: str = ""
    body: bytes = b""
    content_type: str = ""

    @property
    def fields(self) -> Fields:
        """The names and values of the body: a form or a JSON object. Raises ApiError."""
        return fields.body(self.body, self.content_type)


ControlAnswer = tuple[int, bytes, bytes]
"""Status, content type and body."""

Control = Callable[[ControlRequest], Awaitable[ControlAnswer | None]]
"""Answers a control request; None for an unknown path. Raises ApiError."""
