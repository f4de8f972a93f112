"""Cookies of inbound webhooks: which are kept of an answer, and which go with the next request. Pure.

A cookie belongs to the server that set it and to a pair of numbers (doc). Paths and domains are not looked at
(inferred): what is kept goes to every URL of that server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from trunkline.core.clock import SECOND
from trunkline.core.egress.message import Headers

Cookies = dict[str, dict[str, str]]
"""By server (scheme, host and port), each name with its value."""

MAX_SERVERS = 5
MAX_COOKIES = 20
MAX_SIZE = 4096
"""Characters of a name with its value."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21-\x7e][\x20-\x7e]*|")


def header(cookies: Mapping[str, Mapping[str, str]], origin: str) -> str:
    """The Cookie header for a server; empty when it has set none."""
    return "; ".join(f"{name}={value}" for name, value in cookies.get(origin, {}).items())


def after(cookies: Cookies, origin: str, headers: Headers, now: int) -> Cookies:
    """The cookies once a server has answered with ``headers``. What is too much or too long is left out."""
    kept = dict(cookies.get(origin, {}))
    for name, line in headers:
        if name.lower() == "set-cookie":
            _set(kept, line, origin, now)
    others = {place: of_it for place, of_it in cookies.items() if place != origin}
    if not kept:
        return others
    # The server that answered last stays.
    return dict([*others.items(), (origin, kept)][-MAX_SERVERS:])


def _set(kept: dict[str, str], line: str, origin: str, now: int) -> None:
    pair, *attributes = line.split(";")
    name, separator, value = (part.strip() for part in pair.partition("="))
    if not separator or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        return
    told = {key.strip().lower(): said.strip() for key, _, said in (one.partition("=") for one in attributes)}
    kept.pop(name, None)
    if _is_over(told, now) or ("secure" in told and not origin.startswith("https:")):
        return
    if len(name) + len(value) <= MAX_SIZE and len(kept) < MAX_COOKIES:
        kept[name] = value


def _is_over(told: Mapping[str, str], now: int) -> bool:
    age = told.get("max-age", "")
    if re.fullmatch(r"-?[0-9]{1,18}", age, re.ASCII):
        return int(age) <= 0
    try:
        return "expires" in told and parsedate_to_datetime(told["expires"]).timestamp() * SECOND <= now
    except (ValueError, TypeError, OverflowError, IndexError):
        return False
