"""The guard of addresses: the network addresses to which connections may be opened. Pure.

It is consulted when the socket is opened, with the address to which the name resolves at that moment, so a name that
changes its address between a check and its use gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ip_network("2002::/16")
_COMPATIBLE = ip_network("::/96")

_NEVER = tuple(
    ip_network(text) for text in ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")
)
"""This network, multicast and broadcast: no server's address."""

_LINK_LOCAL = tuple(ip_network(text) for text in ("169.254.0.0/16", "fe80::/10"))
"""The addresses of clouds' metadata, which includes credentials: private addresses do not include them."""

_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",  # NAT64 of a local network
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)


class AddressGuard(msgspec.Struct, frozen=True):
    """The rule: public addresses are permitted; with ``allow_private`` loopback and private ones too, but not
    link-local ones; and those in ``allowed`` in any case."""

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()

    def permits(self, address: str) -> bool:
        """Return whether a connection to the address may be opened. An address that embeds an IPv4 address is
        checked by that one as well."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return all(self._permits(one) for one in {parsed, _embedded(parsed)})

    def _permits(self, address: IPv4Address | IPv6Address) -> bool:
        if _within(address, self.allowed):
            return True
        if _within(address, _NEVER) or _within(address, _LINK_LOCAL):
            return False
        return self.allow_private or not _within(address, _PRIVATE)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that ``address`` embeds, to which its packets go; without one the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return address


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
