"""Token buckets: never above their rate, never slower than they must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.clock import SECOND
from trunkline.core.rates import TokenBucket, TokenBuckets

BURST = SECOND // 20


def run(bucket: TokenBucket, sizes: list[int]) -> list[int]:
    """Return the time of each message, by a sender that always polls at the first time at which it may."""
    now, times = 0, []
    for size in sizes:
        now += bucket.wait(now)
        bucket.spend(size, now)
        times.append(now)
    return times


def test_one_segment_a_second() -> None:
    assert run(TokenBucket(1, BURST), [1] * 4) == [0, SECOND, 2 * SECOND, 3 * SECOND]


def test_a_long_message_costs_its_segments() -> None:
    assert run(TokenBucket(1, BURST), [3, 1, 2, 1]) == [0, 3 * SECOND, 4 * SECOND, 6 * SECOND]


def test_a_fast_sender_sends_ahead_within_the_slack() -> None:
    times = run(TokenBucket(100, BURST), [1] * 200)
    assert times[0] == times[4] == 0
    assert abs(times[-1] - 199 * SECOND // 100) <= BURST


def test_an_idle_sender_saves_nothing_up() -> None:
    bucket = TokenBucket(1, BURST)
    bucket.spend(1, 0)
    late = 60 * SECOND
    assert bucket.wait(late) == 0
    bucket.spend(1, late)
    assert bucket.wait(late) == SECOND


@given(
    rate=st.integers(100, 500_000),
    sizes=st.lists(st.integers(1, 24), min_size=2, max_size=60),
)
def test_no_span_of_time_holds_more_than_the_rate_allows(rate: int, sizes: list[int]) -> None:
    times = run(TokenBucket(rate / 1000, BURST), sizes)
    for first in range(len(sizes)):
        for last in range(first + 1, len(sizes)):
            # What was sent before the last one has had its time, apart from the slack.
            span = times[last] - times[first] + BURST
            needed = sum(sizes[first:last]) * SECOND * 1000 // rate
            assert span >= needed - (last - first)


@given(st.integers(1, 10_000_000))
def test_no_more_at_once_than_is_told(rate: int) -> None:
    bucket, sent = TokenBucket(rate / 1000, BURST), 0
    while not bucket.wait(0):
        bucket.spend(1, 0)
        sent += 1
    assert sent <= bucket.at_once() <= sent + 1


def test_what_must_be_there_in_whole_is_waited_for() -> None:
    bucket = TokenBucket(20, 10 * SECOND)
    assert bucket.wait(0, 200) == 0
    assert bucket.wait(0, 201) == SECOND // 20
    bucket.spend(195.5, 0)
    assert bucket.wait(0, 4.5) == 0
    assert bucket.wait(0, 5) == SECOND // 40
    assert bucket.wait(SECOND // 40, 5) == 0


def test_no_rate_is_no_limit() -> None:
    bucket = TokenBucket(0)
    bucket.spend(1_000_000, 0)
    assert bucket.wait(0) == bucket.wait(0, 1_000_000) == 0


@pytest.mark.parametrize("rate", [2, 19])
def test_a_burst_of_less_than_two_tokens_is_none(rate: float) -> None:
    bucket = TokenBucket(rate, BURST)
    bucket.spend(1, 0)
    assert bucket.wait(0) == SECOND // rate


def test_a_key_keeps_its_bucket_until_others_push_it_out() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(2)
    first, second = buckets.get("a", 1, 0), buckets.get("b", 1, 0)
    assert buckets.get("a", 1, 0) is first is not second
    buckets.get("c", 1, 0)
    assert buckets.get("a", 1, 0) is first
    assert buckets.get("b", 1, 0) is not second
