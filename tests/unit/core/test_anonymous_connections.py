"""Connections before a log-in: the oldest gives way, in all and of one address."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from trunkline.core.anonymous_connections import AnonymousConnections

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


class Door:
    """Connections by their names, and those that had to go."""

    def __init__(self, limit: int, per_address: int) -> None:
        self.counted = AnonymousConnections(limit, per_address, PROXIES)
        self.ended: list[str] = []

    def enter(self, names: str, address: str = "192.0.2.1") -> None:
        for name in names:
            self.counted.enter(name, address, lambda name=name: self.ended.append(name))  # type: ignore[misc]


def test_the_one_that_was_idle_longest_gives_way() -> None:
    door = Door(3, 100)
    door.enter("abc")
    assert door.ended == []
    door.counted.touch("a")
    door.enter("de")
    assert door.ended == ["b", "c"]
    assert len(door.counted) == 3


def test_one_that_has_logged_in_or_ended_is_counted_no_longer() -> None:
    door = Door(2, 100)
    door.enter("ab")
    door.counted.leave("a")
    door.counted.leave("a")
    door.counted.touch("a")
    door.enter("c")
    assert (door.ended, len(door.counted)) == ([], 2)
    assert door.counted.give_way()
    assert door.counted.give_way()
    assert not door.counted.give_way()
    assert door.ended == ["b", "c"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:0:0:1", True),
        ("2001:db8::1%eth0", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("10.1.2.3", "10.1.2.3", False),
        ("fd12::1", "fd12::1", False),
        ("::ffff:10.1.2.3", "10.1.2.3", False),
        ("", "", False),
    ],
)
def test_an_address_has_a_bound_of_its_own_unless_it_is_a_proxy(first: str, second: str, same: bool) -> None:
    door = Door(100, 2)
    door.enter("ab", first)
    door.counted.touch("a")
    door.enter("c", second)
    assert door.ended == (["b"] if same else [])
    door.enter("x", "198.51.100.1")
    assert len(door.counted) == (3 if same else 4)


def test_nothing_of_an_address_stays_behind() -> None:
    door = Door(100, 100)
    door.enter("ab")
    door.counted.leave("a")
    door.counted.leave("b")
    assert not door.counted._addresses
