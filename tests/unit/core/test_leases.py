"""For its holder a lease ends a tenth early, and is renewed at a third."""

from __future__ import annotations

import pytest

from trunkline.core.clock import WatchedClock
from trunkline.core.leases import HeldLease, always, lease_clock


class Clocks:
    """A steady clock and the storage's, which a test moves."""

    def __init__(self) -> None:
        self.steady, self.stored = 1_000, 1_000_000
        self.lease = HeldLease(100, self.read)

    def read(self) -> tuple[int, int]:
        return lease_clock(lambda: self.steady, WatchedClock(lambda: self.stored, lambda: self.steady))()

    def pass_by(self, passed: int) -> None:
        self.steady += passed
        self.stored += passed


@pytest.mark.parametrize(
    ("passed", "holds", "renews"),
    [
        (0, True, False),
        (32, True, False),
        (33, True, True),
        (89, True, True),
        (90, False, True),
        (200, False, True),
    ],
)
def test_a_lease_holds_and_is_renewed_in_its_time(passed: int, holds: bool, renews: bool) -> None:
    clocks = Clocks()
    clocks.lease.extend(clocks.read())
    clocks.pass_by(passed)
    assert (clocks.lease.holds(), clocks.lease.renews) == (holds, renews)


def test_a_lease_is_not_held_before_it_is_acquired_nor_after_it_is_lost() -> None:
    clocks = Clocks()
    assert not clocks.lease.holds()
    assert clocks.lease.renews
    clocks.lease.extend(clocks.read())
    assert clocks.lease.holds()
    clocks.lease.drop()
    assert not clocks.lease.holds()


def test_it_counts_from_before_the_newest_transaction() -> None:
    clocks = Clocks()
    first = clocks.read()
    clocks.pass_by(50)
    clocks.lease.extend(clocks.read())
    # A renewal that took longer than one that began later.
    clocks.lease.extend(first)
    clocks.pass_by(89)
    assert clocks.lease.holds()


@pytest.mark.parametrize(
    ("steady", "stored", "holds"),
    [
        (0, 89, True),
        (0, 90, False),  # a machine that was halted, or another host of the database, whose clock is ahead
        (90, 0, False),  # another host of the database, whose clock is behind
        (89, -3600, True),
        (90, -3600, False),
        (0, 3600, False),
    ],
)
def test_it_is_over_by_the_clock_that_got_furthest(steady: int, stored: int, holds: bool) -> None:
    clocks = Clocks()
    clocks.lease.extend(clocks.read())
    clocks.steady += steady
    clocks.stored += stored
    assert clocks.lease.holds() == holds
    # From its renewal on it counts by what the clocks show then.
    clocks.steady += 1
    clocks.lease.extend(clocks.read())
    assert clocks.lease.holds()
    clocks.pass_by(89)
    assert clocks.lease.holds()
    clocks.pass_by(1)
    assert not clocks.lease.holds()


def test_a_clock_that_records_no_jumps_ends_no_lease() -> None:
    now = [0]
    lease = HeldLease(100, lease_clock(lambda: 0, lambda: now[0]))
    lease.extend((0, 0))
    now[0] = 1000
    assert lease.holds()


def test_what_is_under_no_lease_is_always_held() -> None:
    assert always()
