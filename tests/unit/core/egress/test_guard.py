"""Addresses that the guard lets through: the registries of special addresses row by row, and what hides in others."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

import pytest

from trunkline.core.egress.guard import AddressGuard

PUBLIC = (
    "93.184.216.34",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db9::1",
    "64:ff9b::1.1.1.1",
    "64:ff9b::808:808",
    "2002:101:101::",
    "::ffff:8.8.8.8",
    "2606:4700::5efe:8.8.8.8",
)

SPECIAL_V4 = {
    "0.0.0.0/8": "This network",
    "0.0.0.0/32": "This host on this network",
    "10.0.0.0/8": "Private-Use",
    "100.64.0.0/10": "Shared Address Space",
    "127.0.0.0/8": "Loopback",
    "169.254.0.0/16": "Link Local",
    "172.16.0.0/12": "Private-Use",
    "192.0.0.0/24": "IETF Protocol Assignments",
    "192.0.0.0/29": "IPv4 Service Continuity Prefix",
    "192.0.0.8/32": "IPv4 dummy address",
    "192.0.0.9/32": "Port Control Protocol Anycast",
    "192.0.0.10/32": "Traversal Using Relays around NAT Anycast",
    "192.0.0.170/32": "NAT64/DNS64 Discovery",
    "192.0.0.171/32": "NAT64/DNS64 Discovery",
    "192.0.2.0/24": "Documentation (TEST-NET-1)",
    "192.31.196.0/24": "AS112-v4",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "Deprecated (6to4 Relay Anycast)",
    "192.88.99.2/32": "6a44-relay anycast address",
    "192.168.0.0/16": "Private-Use",
    "192.175.48.0/24": "Direct Delegation AS112 Service",
    "198.18.0.0/15": "Benchmarking",
    "198.51.100.0/24": "Documentation (TEST-NET-2)",
    "203.0.113.0/24": "Documentation (TEST-NET-3)",
    "240.0.0.0/4": "Reserved",
    "255.255.255.255/32": "Limited Broadcast",
}
"""The IANA IPv4 Special-Purpose Address Registry (RFC 6890), every row."""

SPECIAL_V6 = {
    "::1/128": "Loopback Address",
    "::/128": "Unspecified Address",
    "64:ff9b:1::/48": "IPv4-IPv6 Translat.",
    "100::/64": "Discard-Only Address Block",
    "100:0:0:1::/64": "Dummy IPv6 Prefix",
    "2001::/23": "IETF Protocol Assignments",
    "2001::/32": "TEREDO",
    "2001:1::1/128": "Port Control Protocol Anycast",
    "2001:1::2/128": "Traversal Using Relays around NAT Anycast",
    "2001:1::3/128": "DNS-SD Service Registration Protocol Anycast",
    "2001:2::/48": "Benchmarking",
    "2001:3::/32": "AMT",
    "2001:4:112::/48": "AS112-v6",
    "2001:10::/28": "Deprecated (previously ORCHID)",
    "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "Drone Remote ID Protocol Entity Tags (DETs) Prefix",
    "2001:db8::/32": "Documentation",
    "2620:4f:8000::/48": "Direct Delegation AS112 Service",
    "3fff::/20": "Documentation",
    "5f00::/16": "Segment Routing (SRv6) SIDs",
    "fc00::/7": "Unique-Local",
    "fe80::/10": "Link-Local Unicast",
}
"""The IANA IPv6 Special-Purpose Address Registry, every row but ``::ffff:0:0/96``, ``64:ff9b::/96`` and ``2002::/16``,
which are as public as the IPv4 address in them."""

UNLISTED = {
    "224.0.0.0/4": "multicast (RFC 5771)",
    "ff00::/8": "multicast (RFC 4291)",
    "fec0::/10": "site-local (RFC 3879)",
    "::/96": "IPv4-compatible (RFC 4291)",
    "::ffff:0:0:0/96": "IPv4-translated (RFC 2765)",
    "200::/7": "NSAP (RFC 4048)",
    "4000::/3": "unassigned (RFC 4291)",
    "e000::/4": "unassigned (RFC 4291)",
    "1::/16": "unassigned (RFC 4291)",
    "2002::/24": "6to4 of this network (RFC 3056)",
}
"""Further addresses that no server on the Internet has."""

PRIVATE = (
    "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "198.18.0.1", "240.0.0.1", "::1", "fc00::1", "fd12::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1::10.0.0.1", "2002:a00:1::", "::10.0.0.1", "2001::1",
    "2001:db8::1", "::ffff:0:10.0.0.1", "fd12::5efe:10.0.0.1",
)  # fmt: skip

LINK_LOCAL = (
    "169.254.169.254",
    "169.254.0.0",
    "169.254.255.255",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
)

METADATA = {
    "100.100.100.200": "Alibaba Cloud",
    "168.63.129.16": "Azure",
    "192.0.0.192": "Oracle Cloud",
    "fd00:ec2::254": "AWS",
    "fd00:ec2::23": "EKS",
    "fd20:ce::254": "Google Cloud",
    "fd00:c1::a9fe:a9fe": "Oracle Cloud",
    "fd00:42::42": "Scaleway",
}
"""Services of clouds that give out credentials beside ``169.254.0.0/16``."""

NEVER = (
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "::",
    "ff02::1",
    "ff05::1%eth0",
    "::ffff:0.0.0.0",
    "",
    "x",
    "0177.0.0.1",
    "2130706433",
    "127.1",
    "%lo",
)


def teredo(server: int, client: int) -> str:
    """Return the Teredo address of a client behind a server (RFC 4380)."""
    return str(IPv6Address((0x20010000 << 96) | (server << 64) | (client ^ 0xFFFFFFFF)))


def embeddings(v4: str) -> dict[str, str]:
    """Return every IPv6 address that hides an IPv4 address, by the name of its form."""
    a, b, c, d = map(int, v4.split("."))
    number = int.from_bytes(bytes((a, b, c, d)))
    local = 0x64FF9B0001 << 80
    return {
        "mapped": f"::ffff:{v4}",
        "compatible": f"::{v4}",
        "translated": f"::ffff:0:{v4}",
        "NAT64": f"64:ff9b::{v4}",
        "NAT64 local /48": str(
            IPv6Address(local | (number >> 16) << 64 | (number & 0xFFFF) << 40),
        ),
        "NAT64 local /56": str(IPv6Address(local | (number >> 24) << 64 | (number & 0xFFFFFF) << 32)),
        "NAT64 local /64": str(IPv6Address(local | number << 24)),
        "NAT64 local /96": f"64:ff9b:1::{v4}",
        "6to4": f"2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1",
        "Teredo client": teredo(0x01010101, number),
        "Teredo server": teredo(number, 0x01010101),
        "ISATAP": f"2606:4700::5efe:{v4}",
        "ISATAP, unique": f"2606:4700::200:5efe:{v4}",
    }


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


@pytest.mark.parametrize("address", PRIVATE + LINK_LOCAL + NEVER + tuple(METADATA))
def test_others_are_not(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("network", [*SPECIAL_V4, *SPECIAL_V6, *UNLISTED])
def test_no_row_of_the_registries_is_public(network: str) -> None:
    block = ip_network(network)
    for address in (block[0], block[-1], block[block.num_addresses // 2]):
        assert not AddressGuard().permits(str(address)), address
        assert not AddressGuard().permits(f"{address}%eth0"), address


@pytest.mark.parametrize("hidden", ["127.0.0.1", "10.1.2.3", "192.168.7.7", "169.254.169.254", "224.0.0.1"])
def test_no_form_of_ipv6_hides_an_address(hidden: str) -> None:
    permitted = [form for form, one in embeddings(hidden).items() if AddressGuard().permits(one)]
    assert permitted == []


@pytest.mark.parametrize("hidden", ["169.254.169.254", "100.100.100.200", "168.63.129.16"])
def test_private_networks_include_no_metadata_in_any_form(hidden: str) -> None:
    guard = AddressGuard(allow_private=True)
    permitted = [form for form, one in embeddings(hidden).items() if guard.permits(one)]
    assert permitted == []


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_may_be_allowed(address: str) -> None:
    assert AddressGuard(allow_private=True).permits(address)


@pytest.mark.parametrize("address", LINK_LOCAL + NEVER + tuple(METADATA))
def test_allowing_private_ones_allows_no_more(address: str) -> None:
    assert not AddressGuard(allow_private=True).permits(address)


def test_an_allowed_network_is_permitted_and_no_other() -> None:
    guard = AddressGuard(
        allowed=(ip_network("10.1.0.0/16"), ip_network("fd00::/8"), ip_network("169.254.1.0/24"))
    )
    permitted = [
        one
        for one in (
            *("10.1.2.3", "10.2.2.3", "fd12::1", "fc00::1", "169.254.1.1", "8.8.8.8"),
            *("::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "64:ff9b::10.2.2.3", "fd00:ec2::254"),
        )
        if guard.permits(one)
    ]
    assert permitted == [
        *("10.1.2.3", "fd12::1", "169.254.1.1", "8.8.8.8"),
        *("::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:ec2::254"),
    ]
