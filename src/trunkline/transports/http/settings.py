"""The options of an HTTP carrier, as a ``[[carriers]]`` table with ``kind = "http"``."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from trunkline.core.egress.target import BadUrl, locate

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


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
        if not _NAME.fullmatch(self.name):
            # It stands in the address at which the gateway tells something.
            raise ValueError("name must be 1 to 64 letters, digits, dots, hyphens and underscores")
        try:
            locate(self.url)
        except BadUrl:
            raise ValueError("url must be an http or https address") from None
        if len(self.secret) < 16:
            raise ValueError("secret must be at least 16 characters long")
        for option, text in (("secret", self.secret), ("authorization", self.authorization)):
            if text and not _PRINTABLE.fullmatch(text):
                raise ValueError(f"{option} must be what a header may hold: printable ASCII")
        if not 0 < self.timeout <= 300:
            raise ValueError("timeout must be above 0 and at most 300 seconds")
        if not 1 <= self.window <= 1000:
            raise ValueError("window must be from 1 to 1000")

    @property
    def address(self) -> str:
        """``url`` without what may be secret in it: credentials and the query."""
        return locate(self.url).url.partition("?")[0]
