"""Addresses that the guard lets through."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from trunkline.core.egress.guard import AddressGuard

PUBLIC = (
    "93.184.216.34",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "64:ff9b::1.1.1.1",
    "2002:101:101::",
    "::ffff:8.8.8.8",
)
PRIVATE = (
    "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "198.18.0.1", "240.0.0.1", "::1", "fc00::1", "fd12::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:a00:1::", "::10.0.0.1", "2001::1", "2001:db8::1",
)  # fmt: skip
LINK_LOCAL = (
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
)
NEVER = (
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "::",
    "ff02::1",
    "::ffff:0.0.0.0",
    "",
    "x",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


@pytest.mark.parametrize("address", PRIVATE + LINK_LOCAL + NEVER)
def test_others_are_not(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_may_be_allowed(address: str) -> None:
    assert AddressGuard(allow_private=True).permits(address)


@pytest.mark.parametrize("address", LINK_LOCAL + NEVER)
def test_allowing_private_ones_allows_no_more(address: str) -> None:
    assert not AddressGuard(allow_private=True).permits(address)


def test_an_allowed_network_is_permitted_and_no_other() -> None:
    guard = AddressGuard(
        allowed=(ip_network("10.1.0.0/16"), ip_network("fd00::/8"), ip_network("169.254.1.0/24"))
    )
    permitted = [
        one
        for one in ("10.1.2.3", "10.2.2.3", "fd12::1", "fc00::1", "169.254.1.1", "8.8.8.8")
        if guard.permits(one)
    ]
    assert permitted == ["10.1.2.3", "fd12::1", "169.254.1.1", "8.8.8.8"]
