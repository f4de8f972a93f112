"""The client's side of the wire, written apart from the server's: packets to bytes, and bytes to packets."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class ReceivedPacket(NamedTuple):
    """A packet of the server's."""

    header: dict[str, Any]
    payload: Any


def packet(method: str, id: str = "TM1", payload: bytes = b"", **fields: Any) -> bytes:
    """Return a packet as the JavaScript client writes it."""
    header = json.dumps({"id": id, "method": method, **fields, "payload_size": len(payload)}).encode()
    return b"TWILSOCK V3.0 %d\r\n%b\r\n%b" % (len(header), header, payload)


def request(method: str, path: str, id: str = "TM1", body: Any = None, **fields: Any) -> bytes:
    """Return a tunnelled request."""
    defaults = {"host": "h", "path": path, "method": method, "params": {}, "headers": {}}
    return packet(
        "message",
        id,
        b"" if body is None else json.dumps(body).encode(),
        http_request={**defaults, **fields.pop("http_request", {})},
        **fields,
    )


def init(token: str = "good", id: str = "TM0", product: str = "data_sync", **fields: Any) -> bytes:
    """Return the first packet."""
    registration = {
        "product": product,
        "type": "ers",
        "notification_protocol_version": 0,
        "message_types": ["twilio.sync.event"],
    }
    defaults = {
        "continuation_token": None,
        "metadata": {"osa": 64},
        "registrations": [registration],
        "tweaks": None,
        "capabilities": ["client_update", "offline_storage", "telemetry.v1", "other"],
    }
    return packet("init", id, token=token, **{**defaults, **fields})


def parse(message: bytes) -> ReceivedPacket:
    """Return a packet of the server's, read as the JavaScript client reads it."""
    line, _, rest = message.partition(b"\r\n")
    word, version, size = line.split(b" ")
    assert (word, version) == (b"TWILSOCK", b"V3.0")
    header = json.loads(rest[: int(size)])
    assert rest[int(size) : int(size) + 2] == b"\r\n"
    payload = rest[int(size) + 2 :][: header["payload_size"]]
    return ReceivedPacket(header, json.loads(payload) if payload else None)
