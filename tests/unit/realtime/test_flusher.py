"""Flushing: at once when there is little to do, a little later under load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trunkline.realtime.flusher import LOADED, MOST_AT_ONCE, PAUSE, Flusher


class Loop:
    """A loop that keeps the calls that are scheduled."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, what: Callable[[], None]) -> None:
        self.calls.append((0.0, what))

    def call_later(self, delay: float, what: Callable[[], None]) -> None:
        self.calls.append((delay, what))

    def turn(self) -> float:
        [(delay, what)] = self.calls
        self.calls.clear()
        what()
        return delay


class One:
    """A connection that counts its flushes."""

    def __init__(self) -> None:
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1


def test_everybody_is_flushed_in_one_turn() -> None:
    loop: Any = Loop()
    flusher, ones = Flusher(loop), [One() for _ in range(3)]
    for one in ones:
        flusher.enqueue(one)
    assert loop.turn() == 0
    assert [one.flushed for one in ones] == [1, 1, 1]
    assert loop.calls == []


def test_under_load_the_next_flush_waits() -> None:
    loop: Any = Loop()
    flusher = Flusher(loop)
    delays = []
    for number in (LOADED, LOADED - 1, 1):
        for _ in range(number):
            flusher.enqueue(One())
        delays.append(loop.turn())
    assert delays == [0, PAUSE, 0]


def test_many_are_flushed_in_order_over_several_turns_and_new_ones_after_them() -> None:
    loop: Any = Loop()
    flusher, ones = Flusher(loop), [One() for _ in range(MOST_AT_ONCE + 2)]
    for one in ones[:-1]:
        flusher.enqueue(one)
    assert loop.turn() == 0
    assert [one.flushed for one in ones] == [1] * MOST_AT_ONCE + [0, 0]
    flusher.enqueue(ones[-1])
    going_on, (pause, flush_new) = loop.calls
    assert pause == PAUSE
    flush_new()
    assert ones[-1].flushed == 0
    assert len(loop.calls) == 2
    loop.calls = [going_on]
    loop.turn()
    assert [one.flushed for one in ones] == [1] * len(ones)
    assert loop.calls == []
