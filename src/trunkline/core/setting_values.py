"""The values of settings: what a text may say, and what of a secret may be printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar

T = TypeVar("T")

MAX_PAUSE = 7 * 24 * 3600
"""Seconds between two attempts to deliver a webhook."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")
_PASSWORD = re.compile(r"(://[^:]*:).*@", re.DOTALL)
_PASSWORD_FIELD = re.compile(r"([?&][a-z]*password=)[^&]*", re.IGNORECASE)
_MASK = "***"


class BadSetting(Exception):
    """An option has a value that cannot be; the message names the option and where the value came from."""


Networks = tuple[IPv4Network | IPv6Network, ...]

Tables = tuple[dict[str, Any], ...]
"""The value of an option that the file holds as tables, and flags and the environment as a JSON list."""


def hidden(value: str) -> str:
    """Of a secret only whether it is set."""
    return "(set)" if value else "(not set)"


def without_password(url: str) -> str:
    """The address with its password masked. What is no address is hidden whole; an ``@`` in the password, or in
    a parameter, masks too much rather than too little."""
    if "://" not in url:
        return hidden(url)
    return _PASSWORD_FIELD.sub(rf"\g<1>{_MASK}", _PASSWORD.sub(rf"\g<1>{_MASK}@", url))


def names_only(tables: Tables) -> str:
    """Of tables with secrets only their names."""
    return ", ".join(str(table.get("name", "?")) for table in tables) or "none"


def networks(name: str, text: str) -> Networks:
    """The networks that the option ``name`` lists, separated by commas. Raises BadSetting."""
    return _listed(name, text, ip_network)


def pauses(name: str, text: str) -> tuple[float, ...]:
    """The seconds that the option ``name`` lists, from 1 to a week. Raises BadSetting."""
    return _listed(name, text, _pause)


def origins(name: str, text: str) -> frozenset[str]:
    """The origins of browsers' pages that the option ``name`` lists. Raises BadSetting."""
    return frozenset(_listed(name, text, _origin))


def _listed(name: str, text: str, parse: Callable[[str], T]) -> tuple[T, ...]:
    try:
        return tuple(parse(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def _pause(text: str) -> float:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_PAUSE):
        raise ValueError(f"{text!r} is not a whole number from 1 to {MAX_PAUSE}")
    return float(text)


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError(f"{text!r} is not an origin such as https://app.example")
    return text
