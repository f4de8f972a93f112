"""The headers that every API response carries, errors included (doc: captured)."""

from __future__ import annotations

import secrets

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"

ANY_ORIGIN: Headers = [(b"access-control-allow-origin", b"*")]
"""The origins that may read a response without credentials: all."""

_FIXED: Headers = [
    (
        b"access-control-allow-headers",
        b"Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since, "
        b"Idempotency-Key, X-Twilio-Webhook-Enabled",
    ),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
    (b"access-control-expose-headers", b"ETag, Retry-After, Twilio-Request-Id"),
    (b"access-control-allow-credentials", b"true"),
    (b"x-home-region", b"us1"),
]


def new_request_id() -> str:
    """Return a request id: ``RQ`` and 32 hex digits."""
    return "RQ" + secrets.token_hex(16)


def readable_by(allowed: frozenset[str], origin: str | None) -> Headers:
    """Return the headers by which a browser decides which page may read a response. One of the ``allowed`` origins is
    named, so that its page may use credentials; then a cache must distinguish them."""
    if not allowed:
        return ANY_ORIGIN
    named = (
        [(b"access-control-allow-origin", origin.encode())] if origin in allowed and origin else ANY_ORIGIN
    )
    return [*named, (b"vary", b"Origin")]


def standard(
    request_id: str,
    host: str = "",
    concurrent: int = 0,
    seconds: float = 0.0,
    readers: Headers = ANY_ORIGIN,
) -> Headers:
    """Return the standard headers: ``host`` is the product's label, ``concurrent`` the account's requests in flight,
    ``seconds`` the duration of the request, ``readers`` the origins that may read the response."""
    return [
        (b"twilio-concurrent-requests", b"%d" % concurrent),
        (b"twilio-request-id", request_id.encode()),
        (b"twilio-request-duration", b"%.3f" % seconds),
        *readers,
        *_FIXED,
        (b"x-api-domain", f"{host or 'api'}.twilio.com".encode()),
    ]


def private(request_id: str) -> Headers:
    """Return the headers of every response of the control API: no page of another origin may read or embed it."""
    return [
        (b"twilio-request-id", request_id.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


def content(kind: bytes, length: int) -> Headers:
    """Return the headers of a body of ``length`` bytes of the media type ``kind``."""
    return [(b"content-type", kind), (b"content-length", b"%d" % length)]
