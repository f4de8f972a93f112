"""Cookies of outgoing requests: those kept of a response, and those sent with the next request. Pure.

A cookie belongs to the server that set it (doc). Paths and domains are ignored (inferred): a cookie is sent to every
URL of its server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from trunkline.core.clock import SECOND
from trunkline.core.egress.http_message import Headers

Cookies = dict[str, dict[str, str]]
"""By server (scheme, host and port), each name with its value."""

MAX_SERVERS = 5
MAX_COOKIES = 20
MAX_SIZE = 4096
"""Characters of a name with its value."""

_MAX_HEADER = 2 * MAX_SIZE

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21-\x7e][\x20-\x7e]*|")


def cookie_header(cookies: Mapping[str, Mapping[str, str]], origin: str) -> str:
    """Return the Cookie header for a server; empty if it has set no cookie."""
    return "; ".join(f"{name}={value}" for name, value in cookies.get(origin, {}).items())


def update_cookies(cookies: Cookies, origin: str, headers: Headers, now: int) -> Cookies:
    """Return the cookies after a response of a server with ``headers``. Cookies beyond the limits are left out."""
    kept = dict(cookies.get(origin, {}))
    for name, value in headers:
        if name.lower() == "set-cookie":
            _set_cookie(kept, value, origin, now)
    others = {server: of_it for server, of_it in cookies.items() if server != origin}
    if not kept:
        return others
    # The server that responded last stays.
    return dict([*others.items(), (origin, kept)][-MAX_SERVERS:])


def _set_cookie(kept: dict[str, str], header: str, origin: str, now: int) -> None:
    if len(header) > _MAX_HEADER:
        return
    pair, *rest = header.split(";")
    name, separator, value = (part.strip() for part in pair.partition("="))
    if not separator or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        return
    attributes = {key.strip().lower(): text.strip() for key, _, text in (one.partition("=") for one in rest)}
    kept.pop(name, None)
    if _is_expired(attributes, now) or ("secure" in attributes and not origin.startswith("https:")):
        return
    if len(name) + len(value) <= MAX_SIZE and len(kept) < MAX_COOKIES:
        kept[name] = value


def _is_expired(attributes: Mapping[str, str], now: int) -> bool:
    age = attributes.get("max-age", "")
    if re.fullmatch(r"-?[0-9]{1,18}", age, re.ASCII):
        return int(age) <= 0
    try:
        return (
            "expires" in attributes
            and parsedate_to_datetime(attributes["expires"]).timestamp() * SECOND <= now
        )
    except (ValueError, TypeError, OverflowError, IndexError):
        return False
