"""The packets that the server sends, and the statuses in them. Pure."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from trunkline.core.access_tokens import Grant
from trunkline.realtime.border import TunnelReply
from trunkline.realtime.client_packets import Registration
from trunkline.realtime.continuation_tokens import Continuation
from trunkline.realtime.twilsock import JSON, encode

CAPABILITIES = ("client_update", "offline_storage", "telemetry.v1")


class PacketStatus(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The status in a packet. Clients read ``code``, key on some ``status`` words, and show ``description``."""

    code: int
    status: str
    description: str = ""
    error_code: int = 0


OK = PacketStatus(200, "OK")
NOT_ACCEPTABLE = PacketStatus(406, "NOT_ACCEPTABLE_MESSAGE", "Not acceptable message", 51214)
TOKEN_EXPIRED = PacketStatus(410, "TOKEN_EXPIRED", "Token expired", 51207)
OFFLOAD = PacketStatus(308, "OFFLOAD", "The server is going away, reconnect")
PROTOCOL_ERROR = PacketStatus(417, "PROTOCOL_ERROR", "The first packet must be init")
WITHDRAWN = PacketStatus(401, "UNAUTHORIZED", "Invalid Access Token issuer/subject", 20103)
TOO_MANY = PacketStatus(429, "TOO_MANY_REQUESTS", "Too many requests", 51202)
FAILED = PacketStatus(500, "INTERNAL_SERVER_ERROR", "Internal server error")
UNKNOWN_METHOD = PacketStatus(400, "BAD_REQUEST", "Unknown method")
EXPIRED_EARLY = PacketStatus(401, "UNAUTHORIZED", "Access Token expired or expiration date invalid", 20104)
OTHER_GRANT = PacketStatus(
    401,
    "UNAUTHORIZED",
    "Can't update token, new token was issued for other identity/instance/product.",
    51215,
)
"""Codes and texts are as seen by SDKs; 308's and 417's words and texts, 500 and 400 are inferred."""


def unauthorized(code: int, description: str) -> PacketStatus:
    """Return the status of a refused token. Clients need the literal word (client)."""
    return PacketStatus(401, "UNAUTHORIZED", description, code)


def reply(id: str, status: PacketStatus = OK, reconnect_ms: int = 0) -> bytes:
    """Return the reply to a packet, with nothing but its status and, if not 0, the time after which to reconnect."""
    return encode({"method": "reply", "id": id, "status": status}, _backoff(reconnect_ms))


def close(id: str, status: PacketStatus, reconnect_ms: int = 0) -> bytes:
    """Return the packet that announces the end of a connection; the client acknowledges it."""
    return encode({"method": "close", "id": id, "status": status}, _backoff(reconnect_ms))


def _backoff(reconnect_ms: int) -> bytes:
    if not reconnect_ms:
        return b""
    policy = {"backoff_policy": {"reconnect_min_ms": reconnect_ms, "reconnect_max_ms": 2 * reconnect_ms}}
    return msgspec.json.encode(policy)


def ping(id: str) -> bytes:
    """Return a packet that the client acknowledges and otherwise ignores."""
    return encode({"method": "ping", "id": id})


def about_to_expire(id: str, left_ms: int) -> bytes:
    """Return the warning that the token has at most ``left_ms`` milliseconds left."""
    text = f"Your token is about to expire. Time left: less than {left_ms} ms"
    return encode(
        {
            "method": "client_update",
            "id": id,
            "client_update_type": "token_about_to_expire",
            "client_update_message": text,
        }
    )


def notification(id: str, message_type: str, payload: bytes) -> bytes:
    """Return a notification; ``payload`` is JSON."""
    return encode(
        {"method": "notification", "id": id, "message_type": message_type, "notification_ctx_id": ""},
        payload,
    )


def tunnel_reply(id: str, reply: TunnelReply) -> bytes:
    """Return the reply to a tunnelled request: its status is ``http_status``, the packet's own is always 200
    (client)."""
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    header = {
        "method": "reply",
        "id": id,
        "status": OK,
        "http_status": {"code": reply.status, "status": phrase},
        "http_headers": reply.headers,
    }
    return encode(header, reply.body, reply.headers.get("content-type", JSON))


class InitReply(msgspec.Struct, frozen=True):
    """The content of the reply to ``init``. ``contexts`` has an id for each registration."""

    grant: Grant
    continuation: Continuation
    capabilities: tuple[str, ...]
    registrations: tuple[Registration, ...]
    contexts: tuple[str, ...]
    storage_ids: dict[str, str]


def init_reply(id: str, content: InitReply) -> bytes:
    """Return the reply to an accepted ``init``."""
    reissue = content.continuation.reissue
    token_status: dict[str, Any] = {"reissued": reissue is not None}
    token_status |= {
        "reissue_reason": reissue.name if reissue else "",
        "reissue_message": reissue.value if reissue else "",
    }
    echoed = [
        {
            "notification_ctx_id": context,
            "type": registration.type,
            "product": registration.product,
            "message_types": registration.message_types,
        }
        for registration, context in zip(content.registrations, content.contexts, strict=True)
    ]
    header = {
        "method": "reply",
        "id": id,
        "status": OK,
        "capabilities": content.capabilities,
        "continuation_token": content.continuation.token,
        "continuation_token_status": token_status,
        "offline_storage": {product: {"storage_id": name} for product, name in content.storage_ids.items()},
        "init_registrations": echoed,
        "account_descriptor": {
            "account_sid": content.grant.account_sid,
            "instance_sids": content.grant.services,
            "identity": content.grant.identity,
        },
    }
    return encode(header)
