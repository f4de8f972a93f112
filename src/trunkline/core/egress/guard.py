"""The guard of addresses: the network addresses to which connections may be opened. Pure.

It is consulted when the socket is opened, with the address to which the name resolves at that moment, so a name that
changes its address between a check and its use gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

Network = IPv4Network | IPv6Network

_NEVER = tuple(
    ip_network(text) for text in ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")
)
"""This network, multicast and broadcast: no server's address."""

_METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:42::42/128",  # Scaleway
        "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google Cloud
    )
)
"""Link-local addresses and others of clouds' metadata, which includes credentials: private ones do not include them."""

_ASSIGNED = ip_network("2000::/3")
"""All that IANA assigns for the Internet in IPv6; outside it there is no public address."""

_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/24",  # 6to4 of no address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
"""The rows of the IANA special-purpose registries (RFC 6890), also those for anycast, which lead into the own network:
no customer's server has such an address."""

_PREFIXED = {
    ip_network("::/96"): (96,),  # IPv4-compatible
    ip_network("::ffff:0:0:0/96"): (96,),  # IPv4-translated
    ip_network("2002::/16"): (16,),  # 6to4
    ip_network("2001::/32"): (32,),  # the server of Teredo
    ip_network("64:ff9b:1::/48"): (48, 56, 64, 96),  # NAT64 of a local network: the prefix may be longer
}
"""From a network to the bits in front of the IPv4 address that its addresses embed."""

_SAME = tuple(ip_network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96"))
"""IPv4-mapped addresses and NAT64: nothing but other forms of the IPv4 address in the last 32 bits."""

_TEREDO = ip_network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)


class AddressGuard(msgspec.Struct, frozen=True):
    """The rule: public addresses are permitted; with ``allow_private`` loopback and private ones too, but not
    link-local ones; and those in ``allowed`` in any case."""

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()

    def permits(self, address: str) -> bool:
        """Return whether a connection to the address may be opened. An address that embeds IPv4 addresses is checked
        by those as well."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(parsed, IPv4Address):
            return self._permits(parsed)
        if _within(parsed, _SAME):
            return self._permits(_last(parsed))
        return self._permits(parsed) and all(map(self._permits, _embedded(parsed)))

    def _permits(self, address: IPv4Address | IPv6Address) -> bool:
        if _within(address, self.allowed):
            return True
        if _within(address, _NEVER) or _within(address, _METADATA):
            return False
        return self.allow_private or _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return (isinstance(address, IPv4Address) or address in _ASSIGNED) and not _within(address, _PRIVATE)


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses to which packets for ``address`` may go in the end."""
    number = int(address)
    found = [
        _after(number, bits) for network, places in _PREFIXED.items() if address in network for bits in places
    ]
    # The zeros of a form that the address does not have, of ::1, and of no Teredo server are no address.
    found = [one for one in found if not one.packed.startswith(b"\0")]
    if address in _TEREDO:
        found.append(IPv4Address(~number & 0xFFFFFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(_last(address))
    return found


def _after(number: int, bits: int) -> IPv4Address:
    """Return the 32 bits after the first ``bits``, without the octet of bits 64 to 71, which is reserved (RFC 6052) and
    in the midst of them only behind a prefix of NAT64."""
    if 32 < bits < 64:
        number = number >> 64 << 64 | (number << 8 & 0xFFFFFFFFFFFFFFFF)
    elif bits == 64:
        number <<= 8
    return IPv4Address(number >> (96 - bits) & 0xFFFFFFFF)


def _last(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
