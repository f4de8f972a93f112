"""For its holder a lease ends a tenth early, and is renewed at a third."""

from __future__ import annotations

import pytest

from trunkline.core.leases import HeldLease, always


class Steady:
    """A steady clock that a test moves."""

    now = 1_000

    def __call__(self) -> int:
        return self.now


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
    steady = Steady()
    lease = HeldLease(100, steady)
    lease.extend(steady.now)
    steady.now += passed
    assert (lease.holds(), lease.renews) == (holds, renews)


def test_a_lease_is_not_held_before_it_is_acquired_nor_after_it_is_lost() -> None:
    lease = HeldLease(100, Steady())
    assert not lease.holds()
    assert lease.renews
    lease.extend(1_000)
    assert lease.holds()
    lease.drop()
    assert not lease.holds()


def test_it_counts_from_before_the_newest_transaction() -> None:
    steady = Steady()
    lease = HeldLease(100, steady)
    lease.extend(steady.now)
    # A renewal that took longer than one that began later.
    lease.extend(steady.now - 50)
    steady.now += 89
    assert lease.holds()


def test_what_is_under_no_lease_is_always_held() -> None:
    assert always()
