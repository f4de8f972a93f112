"""The values of options: the checks that they must pass, the lists that texts hold, the masks of secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar

from trunkline.core.certificates import check_certificates
from trunkline.core.egress.target import BadUrl, locate
from trunkline.core.host_patterns import HostPattern, parse_pattern
from trunkline.core.origins import canonical_origin

T = TypeVar("T")

Check = Callable[[Any], object]
"""A function that raises ValueError for a bad value; the message continues the option's name: ``must be above 0``."""

Networks = tuple[IPv4Network | IPv6Network, ...]

Tables = tuple[dict[str, Any], ...]
"""The value of an option that the file holds as tables, and flags and the environment as a JSON list."""

MAX_DELAY = 7 * 24 * 3600
"""Seconds between two attempts to deliver a webhook."""

LARGEST = 1_000_000_000
"""The largest number of an option without a limit of its own."""

MAX_DAYS = 36_500
"""Days that something is kept for: a century."""

_NATS = re.compile(r"(nats|tls|ws|wss)://([^/?#\s@]*@)?(\[[0-9a-fA-F:.]+\]|[^/?#\s@:\[\]]+)(:[0-9]{1,5})?/?")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PASSWORD = re.compile(r"(://[^:]*:).*@", re.DOTALL)
_PASSWORD_FIELD = re.compile(r"([?&][a-z]*password=).*", re.IGNORECASE | re.DOTALL)
_MASK = "***"


class BadSetting(Exception):
    """A value that an option cannot have, or a file that cannot be used. The message names the option, the allowed
    values and the source of the value, and never repeats a secret; ``option`` is the option's name if there is one."""

    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(message)
        self.option = option


def between(low: float, high: float) -> Check:
    """Return the check of a number from ``low`` to ``high``."""

    def check(value: float) -> None:
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")

    return check


def at_least(low: int) -> Check:
    """Return the check of a number of ``low`` or more, which storage can count with."""

    def check(value: int) -> None:
        if value < low:
            raise ValueError(f"must be at least {low}")
        if value > LARGEST:
            raise ValueError(f"must be at most {LARGEST:,}")

    return check


def one_of(*words: str, optional: bool = False) -> Check:
    """Return the check of a text that is one of ``words``, or empty if it is optional."""

    def check(value: str) -> None:
        if value not in words and not (optional and value == ""):
            raise ValueError(f"must be one of {', '.join(words)}")

    return check


def matches(pattern: str, form: str) -> Check:
    """Return the check of a text that is empty or matches ``pattern``; ``form`` describes the pattern."""
    compiled = re.compile(pattern)

    def check(value: str) -> None:
        if value and not compiled.fullmatch(value):
            raise ValueError(f"must be {form}")

    return check


def certificate_file(value: str) -> None:
    """Check that the text is empty or names a file with certificates. Raise ValueError if not."""
    if value:
        try:
            check_certificates(value)
        except ValueError as error:
            raise ValueError(f"must name a file with certificates; {error}") from None


def writable_path(value: str) -> None:
    """Check that the text is empty or names a path in an existing directory. Raise ValueError if not."""
    if value and not Path(value).absolute().parent.is_dir():
        raise ValueError(f"must name a file in a directory that exists; there is no {Path(value).parent}")


def web_address(value: str) -> None:
    """Check that the text is empty or an http or https address to which paths can be added. Raise ValueError if not."""
    if not value:
        return
    try:
        target = locate(value)
    except BadUrl:
        target = None
    if target is None or target.authorization or set(value) & set("?#"):
        raise ValueError(
            "must be an address such as https://sms.example.com, without credentials, query and fragment"
        )


def nats_addresses(value: str) -> None:
    """Check that the text lists addresses of NATS servers. Raise ValueError, which does not repeat them, if not."""
    for address in filter(None, map(str.strip, value.split(","))):
        if not _NATS.fullmatch(address):
            raise ValueError("must be nats://host:port or tls://host:port, several separated by commas")


def countries(text: str) -> frozenset[str]:
    """Return the ISO codes of countries, in capital letters, that ``text`` lists. Raise ValueError if one is none."""
    return frozenset(_listed(text, _country, "ISO codes of countries such as US"))


def networks(text: str) -> Networks:
    """Return the networks that ``text`` lists, separated by commas. Raise ValueError if one is malformed."""
    return _listed(text, ip_network, "networks such as 10.1.0.0/16")


def retry_delays(text: str) -> tuple[float, ...]:
    """Return the seconds that ``text`` lists, from 1 to a week. Raise ValueError if one is malformed."""
    return _listed(text, _delay, f"whole numbers from 1 to {MAX_DELAY}")


def origins(text: str) -> frozenset[str]:
    """Return the origins of browsers' pages that ``text`` lists, as browsers write them. Raise ValueError if one is
    malformed."""
    return frozenset(_listed(text, canonical_origin, "origins such as https://app.example"))


def passthrough_hosts(text: str) -> tuple[HostPattern, ...]:
    """Return the patterns of hosts that ``text`` lists. Raise ValueError if one is malformed, or one that this server
    stands for."""
    form = "hosts such as fonts.example or *.example.com:8443 that are none of the vendor's"
    return _listed(text, _foreign_pattern, form)


def _foreign_pattern(text: str) -> HostPattern:
    pattern = parse_pattern(text)
    if f".{pattern.name}".endswith((".twilio.com", ".media.twiliocdn.com")):
        raise ValueError(text)
    return pattern


def nearest(names: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Return the allowed names that unknown names were probably meant to be."""
    from difflib import get_close_matches  # only errors need it, and a start of the server must be short

    candidates = list(allowed)
    return [match for name in names for match in get_close_matches(name, candidates, n=1)]


def hidden(value: str) -> str:
    """Return whether a secret is set, and nothing else of it."""
    return "(set)" if value else "(not set)"


def without_password(url: str) -> str:
    """Return the address with its password masked. A text that is no address is hidden whole; an ``@`` or
    ``&`` in the password, or in a parameter, masks too much rather than too little."""
    if "://" not in url:
        return hidden(url)
    return _PASSWORD_FIELD.sub(rf"\g<1>{_MASK}", _PASSWORD.sub(rf"\g<1>{_MASK}@", url))


def _listed(text: str, parse: Callable[[str], T], form: str) -> tuple[T, ...]:
    found = []
    for item in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(parse(item))
        except ValueError:
            raise ValueError(f"must be {form}, separated by commas; {item!r} is not one") from None
    return tuple(found)


def _delay(text: str) -> float:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_DELAY):
        raise ValueError(text)
    return float(text)


def _country(text: str) -> str:
    if not _COUNTRY.fullmatch(text):
        raise ValueError(text)
    return text.upper()
