"""Continuation tokens and storage ids, by which a client that returns is recognised. Pure.

A continuation token is ``base64(JSON).base64(HMAC-SHA256)`` and names the endpoint, the account, the identity and the
Services. It grants nothing, so a bad one is never refused: the client is a new endpoint, and gets the reason
(captured).
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
from collections.abc import Callable

import msgspec

from trunkline.core.access_tokens import Grant

_FORMAT = "rtd-ct-1"


class Reissue(enum.Enum):
    """The reason for a new continuation token, as clients get it (captured, the last one inferred)."""

    MISSING = "Continuation token is not provided"
    DIFFERENT_IDENTITY = "Different identity"
    INVALID = "Continuation token is not valid"


class _Content(msgspec.Struct, frozen=True, rename="camel"):
    format: str
    endpoint_id: str
    account_sid: str
    identity: str
    services: dict[str, str]


class Continuation(msgspec.Struct, frozen=True):
    """The endpoint of a client, its token, and the reason for a new one, if it is new."""

    endpoint_id: str
    token: str
    reissue: Reissue | None


class Seal:
    """The key of continuation tokens; ``new_id`` makes 32 hex digits."""

    __slots__ = ("_key", "_new_id")

    def __init__(self, key: bytes, new_id: Callable[[], str]) -> None:
        self._key = key
        self._new_id = new_id

    def resume(self, token: str | None, grant: Grant) -> Continuation:
        """Return the endpoint that ``token`` names, if it is genuine and was given to the holder of ``grant``; else a
        new one."""
        if token is None:
            return self._issue(grant, Reissue.MISSING)
        content = self._open(token)
        if content is None:
            return self._issue(grant, Reissue.INVALID)
        if (content.account_sid, content.identity, content.services) != (
            grant.account_sid,
            grant.identity,
            grant.services,
        ):
            return self._issue(grant, Reissue.DIFFERENT_IDENTITY)
        return Continuation(content.endpoint_id, token, None)

    def storage_id(self, grant: Grant, product: str) -> str:
        """Return the name of the client's own cache: always the same for one account, Service, identity and product."""
        parts = (grant.account_sid, grant.services.get(product, ""), grant.identity, product)
        return self._sign(b"storage", "\0".join(parts).encode()).hex()[:40]

    def _issue(self, grant: Grant, reissue: Reissue) -> Continuation:
        content = _Content(
            _FORMAT, f"twi1-{self._new_id()}", grant.account_sid, grant.identity, grant.services
        )
        raw = msgspec.json.encode(content)
        signature = self._sign(b"continuation", raw)
        token = base64.b64encode(raw) + b"." + base64.b64encode(signature)
        return Continuation(content.endpoint_id, token.decode(), reissue)

    def _open(self, token: str) -> _Content | None:
        try:
            raw, signature = (base64.b64decode(part, validate=True) for part in token.encode().split(b"."))
        except (ValueError, binascii.Error):
            return None
        if not hmac.compare_digest(signature, self._sign(b"continuation", raw)):
            return None
        return msgspec.json.decode(raw, type=_Content)

    def _sign(self, purpose: bytes, raw: bytes) -> bytes:
        return hmac.new(self._key, purpose + b"\0" + raw, hashlib.sha256).digest()
