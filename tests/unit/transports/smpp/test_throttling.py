"""Rates, throttling and reconnection, with time handed in."""

from __future__ import annotations

import pytest

from trunkline.core.clock import SECOND
from trunkline.core.rates import TokenBucket
from trunkline.transports.smpp.throttling import BURST, Backoff, Throttle


class Bucket:
    """A route's token bucket, with times in seconds."""

    def __init__(self, rate: float = 0.0) -> None:
        self._bucket = TokenBucket(rate, BURST)

    def wait(self, now: float) -> float:
        return self._bucket.wait(int(now * SECOND)) / SECOND

    def spend(self, now: float) -> None:
        self._bucket.spend(1, int(now * SECOND))


def _sent(limit: Bucket | Throttle, seconds: float, now: float = 100.0) -> int:
    """Return the number of segments that may be sent within some seconds."""
    end, count = now + seconds, 0
    while (wait := limit.wait(now)) <= end - now and count < 100_000:
        now += wait
        limit.spend(now)
        count += 1
    return count


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0, 3_000.0])
def test_a_rate_is_kept(rate: float) -> None:
    assert _sent(Bucket(rate), 9.99) == pytest.approx(rate * 10, abs=1 + rate * 0.025)


def test_a_slow_rate_sends_nothing_ahead() -> None:
    bucket = Bucket(2.0)
    assert bucket.wait(100.0) == 0
    bucket.spend(100.0)
    assert bucket.wait(100.0) == pytest.approx(0.5)


def test_what_was_not_used_is_not_saved_up() -> None:
    bucket = Bucket(2.0)
    bucket.spend(100.0)
    bucket.spend(200.0)
    assert bucket.wait(200.0) == pytest.approx(0.5)


def test_no_rate_is_no_limit() -> None:
    assert _sent(Bucket(), 1.0) == 100_000


def test_throttling_pauses_longer_each_time() -> None:
    throttle, now, pauses = Throttle(0.5, 3.0), 100.0, []
    for _ in range(5):
        throttle.spend(now)
        throttle.throttled(throttle.epoch, now)
        assert throttle.paused(now)
        pauses.append(throttle.wait(now))
        now += pauses[-1] + 10
    assert pauses == pytest.approx([0.5, 1.0, 2.0, 3.0, 3.0])


def test_answers_to_what_was_sent_before_a_pause_say_nothing_new() -> None:
    throttle = Throttle(0.5, 30.0, rate=100.0)
    epoch = throttle.epoch
    throttle.throttled(epoch, 100.0)
    for _ in range(10):
        throttle.throttled(epoch, 100.1)
    assert throttle.wait(100.1) == pytest.approx(0.4)
    assert throttle.limit == 50.0


def test_a_success_makes_the_next_pause_short_again() -> None:
    throttle = Throttle(0.5, 30.0)
    throttle.throttled(throttle.epoch, 100.0)
    throttle.throttled(throttle.epoch, 101.0)
    throttle.accepted(throttle.epoch, 102.5)
    throttle.throttled(throttle.epoch, 103.0)
    assert throttle.wait(103.0) == pytest.approx(0.5)


def test_the_rate_is_halved_and_comes_back_slowly() -> None:
    throttle = Throttle(0.5, 30.0, rate=100.0)
    throttle.throttled(throttle.epoch, 100.0)
    assert throttle.limit == 50.0
    throttle.throttled(throttle.epoch, 101.0)
    assert throttle.limit == 25.0
    throttle.accepted(throttle.epoch, 102.9)
    assert throttle.limit == 25.0
    throttle.accepted(throttle.epoch, 103.0)
    assert throttle.limit == pytest.approx(30)
    throttle.accepted(throttle.epoch, 130.0)
    assert throttle.limit == 0, "as fast as before: no limit of its own"


def test_an_unlimited_route_is_halved_from_what_it_sent() -> None:
    throttle = Throttle(0.5, 30.0)
    for number in range(400):
        throttle.spend(100 + number / 200)
    throttle.throttled(throttle.epoch, 102.0)
    assert throttle.limit == pytest.approx(100, rel=0.02)


def test_an_unlimited_route_that_sent_little_is_not_strangled() -> None:
    throttle = Throttle(0.5, 30.0)
    throttle.spend(100.0)
    throttle.throttled(throttle.epoch, 100.0)
    assert throttle.limit == 50


def test_a_limit_has_an_end() -> None:
    throttle, now = Throttle(0.5, 30.0, rate=160.0), 100.0
    for _ in range(10):
        throttle.throttled(throttle.epoch, now)
        now += 40
    assert throttle.limit == 10.0


def test_reconnection_doubles_and_begins_anew_after_a_good_one() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 1.0)
    assert [backoff.after(0.0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.after(59.0) == 60
    assert backoff.after(60.0) == 1
    assert backoff.slowest() == 60
    assert backoff.after(0.0) == 60


def test_jitter_takes_up_to_half_away() -> None:
    assert Backoff(1.0, 60.0, lambda: 0.0).after(0.0) == 0.5
    assert Backoff(1.0, 60.0, lambda: 0.0).slowest() == 30
