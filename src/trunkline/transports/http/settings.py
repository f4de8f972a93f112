"""The options of an HTTP carrier, as a ``[[carriers]]`` table with ``kind = "http"``."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from trunkline.core.egress.target import BadUrl, locate

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class HttpRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway. Messages are posted to ``url`` as JSON; ``authorization`` is sent as that header. ``secret`` is the
    bearer token that the gateway must send with receipts and messages. ``media`` if it carries MMS; ``receipts`` if it
    reports deliveries; ``timeout`` is in seconds. A message without a response is
    handed over again (``resend``), or given up (``fail``). ``window`` bounds the requests in flight."""

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
        """Check the values beyond their types. Raise ValueError if one is invalid."""
        if not _NAME.fullmatch(self.name):
            # It is part of the address to which the gateway sends its reports.
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
        """The ``url`` without its possibly secret components: credentials and the query."""
        return locate(self.url).url.partition("?")[0]
