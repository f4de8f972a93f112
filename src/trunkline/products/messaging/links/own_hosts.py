"""The hosts that are this server's own: no account may have one as a domain, and links never lead over one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

PRODUCT_LABELS = ("accounts", "api", "chat", "iam", "ip-messaging", "messaging", "monitor", "notify", "sync")
"""The first labels by which a request's Host chooses a product, whatever follows."""

_LOCAL = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_VENDOR = ("twilio.com", "twiliocdn.com")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class OwnHosts(msgspec.Struct, frozen=True):
    """The server's own hosts; ``names`` are those of its settings, in lower case and without a dot at the end."""

    names: frozenset[str]

    def reason(self, host: str) -> str:
        """Return the reason why a host, in the form of ``names``, cannot be a domain; an empty text if it can be."""
        first, _, _ = host.partition(".")
        # Clients read a name that ends in a number as an IPv4 address: 127.1, 0x7f.1.
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return "an address is no domain: use a host name"
        if host in self.names or host in _LOCAL:
            return "this host is the server's own"
        if any(host == name or host.endswith(f".{name}") for name in _VENDOR):
            return "this host is the server's own: its proxy serves it"
        if first in PRODUCT_LABELS:
            return f"this host is the server's own: a name whose first label is {first} leads to its API"
        return ""


def own_hosts(addresses: Iterable[str]) -> OwnHosts:
    """Return the own hosts of a server with these ``addresses``, host names or URLs. Empty ones are left out."""
    hosts = (urlsplit(text).hostname or "" if "://" in text else text.lower() for text in addresses)
    return OwnHosts(frozenset(host.removesuffix(".") for host in hosts if host))
