"""The loop guard: how many replies may follow each other closely, and what happens to the next."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.clock import SECOND
from trunkline.products.messaging.receiving.loop_guard import (
    CLOSE,
    PAUSE,
    REPLIES,
    STALE,
    ReplyExchange,
    decide_reply,
)


def play(times: list[int]) -> list[bool]:
    """Return whether a reply at each of the times, in microseconds, may go."""
    exchange = ReplyExchange()
    allowed = []
    for now in times:
        decision = decide_reply(exchange, now)
        exchange = decision.exchange
        allowed.append(decision.allowed)
    return allowed


def test_numbers_of_the_contract() -> None:
    assert (REPLIES, CLOSE, PAUSE) == (15, 30 * SECOND, 30 * SECOND)


@pytest.mark.parametrize("step", [0, 1, SECOND, 30 * SECOND])
def test_the_sixteenth_close_reply_is_refused(step: int) -> None:
    start = 1_700_000_000 * SECOND
    assert play([start + step * place for place in range(16)]) == [True] * 15 + [False]


def test_replies_that_are_apart_go_on_for_ever() -> None:
    assert all(play([place * (30 * SECOND + 1) for place in range(100)]))


def test_one_gap_begins_anew() -> None:
    close = list(range(15))
    later = [CLOSE + 15 + place for place in range(16)]
    assert play(close + later) == [True] * 30 + [False]


def test_refusing_ends_after_the_pause_and_is_not_prolonged() -> None:
    refused = 15
    times = [*range(15), refused, refused + 1, refused + PAUSE - 1, refused + PAUSE]
    assert play(times) == [True] * 15 + [False, False, False, True]


def test_the_end_of_the_pause_is_no_close_reply() -> None:
    assert play([*[0] * 16, PAUSE]) == [True] * 15 + [False, True]


def test_counting_begins_anew_after_the_pause() -> None:
    after = 15 + PAUSE
    assert play([*range(16), *range(after, after + 16)]) == ([True] * 15 + [False]) * 2


@given(st.lists(st.integers(0, 100), max_size=120))
def test_forgetting_what_is_stale_changes_nothing(gaps: list[int]) -> None:
    now = 1
    kept = forgetful = ReplyExchange()
    for gap in gaps:
        now += gap * SECOND // 2
        if now - forgetful.last > STALE:
            forgetful = ReplyExchange()
        one, other = decide_reply(kept, now), decide_reply(forgetful, now)
        assert one.allowed is other.allowed
        kept, forgetful = one.exchange, other.exchange


@given(st.lists(st.integers(0, 62), max_size=150))
def test_no_more_than_fifteen_go_in_a_close_row(gaps: list[int]) -> None:
    times = []
    now = 0
    for gap in gaps:
        now += gap * SECOND // 2
        times.append(now)
    sent = [moment for moment, allowed in zip(times, play(times), strict=True) if allowed]
    row = 1
    for before, moment in pairwise(sent):
        row = row + 1 if moment - before < CLOSE else 1
        assert row <= REPLIES
