"""The WebSocket upgrade: from the head of an HTTP request to the response that accepts or refuses it.

The upgrade itself is checked by the sans-I/O layer of ``websockets``. No subprotocol and no extension is accepted, and
with them no compression: frames are shared by all receivers.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request
from websockets.server import ServerProtocol

from trunkline.api import headers
from trunkline.api.errors import ApiError


class BadHandshake(Exception):
    """A head that is no WebSocket upgrade; the text has the reason."""


class Upgrade(NamedTuple):
    """An upgrade that may be accepted: its path without the query, its ``Origin``, and the bytes that accept it."""

    path: str
    origin: str | None
    response: bytes


def parse_upgrade(head: bytes) -> Upgrade:
    """Return the upgrade that a whole head requests. Raise BadHandshake if it is none."""
    protocol = ServerProtocol()
    protocol.receive_data(head)
    request = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
    if request is None:
        raise BadHandshake(str(protocol.handshake_exc or protocol.parser_exc or "not a request"))
    response = protocol.accept(request)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise BadHandshake(str(protocol.handshake_exc or response.reason_phrase))
    try:
        origin = request.headers.get("Origin")
    except MultipleValuesError:
        raise BadHandshake("more than one Origin") from None
    return Upgrade(request.path.partition("?")[0], origin, response.serialize())


def rejection(error: ApiError) -> bytes:
    """Return the response that refuses an upgrade, in JSON as everywhere, and ends the connection."""
    body = error.body()
    lines = headers.standard(headers.new_request_id()) + headers.content(headers.JSON, len(body))
    status = HTTPStatus(error.status)
    head = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
    head += [name + b": " + value for name, value in lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
