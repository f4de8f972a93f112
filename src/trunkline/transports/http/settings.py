"""The options of an HTTP carrier, as a ``[[carriers]]`` table with ``kind = "http"``."""

from __future__ import annotations

from typing import Literal

import msgspec


class HttpRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway. Messages are posted to ``url`` as JSON; ``authorization`` is sent as that header. ``secret`` is what
    the gateway has to show, as a bearer token, when it tells of receipts and messages. ``media`` says that it carries
    MMS; ``receipts`` that it tells of deliveries; ``timeout`` is in seconds. A message whose answer never came is
    handed over again (``resend``), or given up (``fail``). ``window`` bounds the requests under way."""

    name: str
    kind: Literal["http"] = "http"
    url: str
    secret: str
    authorization: str = ""
    media: bool = False
    receipts: bool = True
    timeout: float = 30.0
    window: int = 50
    unknown: Literal["resend", "fail"] = "resend"

    def __post_init__(self) -> None:
        """Check what no type says. Raises ValueError."""
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("url must be an http or https address")
        if len(self.secret) < 16:
            raise ValueError("secret must be at least 16 characters long")
        if not 0 < self.timeout <= 300:
            raise ValueError("timeout must be above 0 and at most 300 seconds")
        if not 1 <= self.window <= 1000:
            raise ValueError("window must be from 1 to 1000")
