"""Requests in flight, and failed log-ins."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.api.concurrency import FailedLogins, InFlight
from trunkline.api.errors import ApiError
from trunkline.core.clock import SECOND


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_places_are_counted_for_each_account_and_given_back() -> None:
    places = InFlight(2)
    assert [places.enter("AC1"), places.enter("AC1"), places.enter("AC2")] == [1, 2, 1]
    with pytest.raises(ApiError) as refused:
        places.enter("AC1")
    assert refused.value.code == 20429
    assert refused.value.headers["Retry-After"] == "1"
    assert places.count("AC1") == 2
    places.leave("AC1")
    assert places.enter("AC1") == 2
    for account in ("AC1", "AC1", "AC2"):
        places.leave(account)
    assert (places.count("AC1"), places.count("AC2")) == (0, 0)


def test_guessing_is_slowed_down_step_by_step_to_a_bound() -> None:
    failures = FailedLogins(Now())
    delays = [round(failures.delay("a"), 3) for _ in range(32)]
    assert delays[:12] == [0.0] * 10 + [0.1, 0.2]
    assert delays[29:] == [2.0, 2.0, 2.0]
    assert failures.delay("b") == 0


def test_after_a_quiet_minute_guesses_are_free_again() -> None:
    clock = Now()
    failures = FailedLogins(clock)
    for _ in range(20):
        failures.delay("a")
    clock.now += 60 * SECOND
    assert failures.delay("a") > 1
    clock.now += 1
    assert failures.delay("a") == 0


def test_only_so_many_addresses_are_remembered_and_the_longest_quiet_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FailedLogins, "MAX_ADDRESSES", 2)
    failures = FailedLogins(Now())
    for _ in range(10):
        failures.delay("busy")
    failures.delay("other")
    assert failures.delay("busy") == pytest.approx(0.1)
    failures.delay("third")
    assert failures.delay("busy") == pytest.approx(0.2)
    assert failures.delay("other") == 0


def test_when_too_many_are_held_back_the_next_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FailedLogins, "MAX_HELD", 1)
    monkeypatch.setattr(FailedLogins, "FREE", 0)
    monkeypatch.setattr(FailedLogins, "STEP_SECONDS", 3600.0)
    monkeypatch.setattr(FailedLogins, "MAX_SECONDS", 3600.0)

    async def scenario() -> None:
        failures = FailedLogins(Now())
        held = asyncio.create_task(failures.hold("a"))
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await failures.hold("b")
        assert (refused.value.code, refused.value.headers["Retry-After"]) == (20429, "2")
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        next_held = asyncio.create_task(failures.hold("c"))
        await asyncio.sleep(0)
        assert not next_held.done()
        next_held.cancel()

    asyncio.run(scenario())
