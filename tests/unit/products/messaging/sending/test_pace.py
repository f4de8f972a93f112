"""How fast a sender sends: never above its rate, never slower than it must be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.clock import SECOND
from trunkline.products.messaging.sending.pace import SLACK, Pace, Paces

MILLI = 1000


def run(pace: Pace, sizes: list[int]) -> list[int]:
    """When each message is sent, by a sender that always looks at the first moment at which it may."""
    now, moments = 0, []
    for size in sizes:
        now += pace.wait(now)
        pace.spend(size, now)
        moments.append(now)
    return moments


def test_one_segment_a_second() -> None:
    assert run(Pace(MILLI), [1] * 4) == [0, SECOND, 2 * SECOND, 3 * SECOND]


def test_a_long_message_costs_its_segments() -> None:
    assert run(Pace(MILLI), [3, 1, 2, 1]) == [0, 3 * SECOND, 4 * SECOND, 6 * SECOND]


def test_a_fast_sender_sends_ahead_within_the_slack() -> None:
    moments = run(Pace(100 * MILLI), [1] * 200)
    assert moments[0] == moments[4] == 0
    assert abs(moments[-1] - 199 * SECOND // 100) <= SLACK


def test_an_idle_sender_saves_nothing_up() -> None:
    pace = Pace(MILLI)
    pace.spend(1, 0)
    late = 60 * SECOND
    assert pace.wait(late) == 0
    pace.spend(1, late)
    assert pace.wait(late) == SECOND


@given(
    rate=st.integers(100, 500 * MILLI),
    sizes=st.lists(st.integers(1, 24), min_size=2, max_size=60),
)
def test_no_span_of_time_holds_more_than_the_rate_allows(rate: int, sizes: list[int]) -> None:
    pace = Pace(rate)
    moments = run(pace, sizes)
    for first in range(len(sizes)):
        for last in range(first + 1, len(sizes)):
            # What was sent before the last one has had its time, apart from the slack.
            span = moments[last] - moments[first] + SLACK
            needed = sum(sizes[first:last]) * SECOND * MILLI // rate
            assert span >= needed - (last - first)


def test_shared_rates_are_kept_for_those_that_have_one() -> None:
    paces = Paces(account_rate=5)
    account, other = "AC" + "0" * 32, "AC" + "1" * 32
    assert [pace.rate for pace in paces.of(account, "MG" + "0" * 32)] == [5 * MILLI]
    assert paces.of(account, None)[0] is paces.of(account)[0]
    assert paces.of(other)[0] is not paces.of(account)[0]
    assert Paces().of(account, "MG" + "0" * 32) == []


@given(st.integers(1, 10_000_000))
def test_no_more_at_once_than_is_told(rate: int) -> None:
    pace, sent = Pace(rate), 0
    while not pace.wait(0):
        pace.spend(1, 0)
        sent += 1
    assert sent <= pace.at_once() <= sent + 1
