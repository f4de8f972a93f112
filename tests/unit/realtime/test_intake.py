"""Much input: one connection's failure is its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from trunkline.realtime.intake import Intake


class Loop:
    """A loop that keeps the calls that are scheduled."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def run(self) -> None:
        while self.calls:
            self.calls.pop(0)()


class Holder:
    """A connection with some pieces, which may fail at its first."""

    def __init__(self, pieces: int, fails: bool = False) -> None:
        self.pieces = pieces
        self.fails = fails
        self.aborted = False

    def read_on(self) -> bool:
        self.pieces -= 1
        if self.fails:
            raise ZeroDivisionError("secret")
        return self.pieces > 0

    def abort(self) -> None:
        self.aborted = True


def test_a_connection_whose_input_fails_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    loop: Any = Loop()
    intake = Intake(loop)
    holders = [Holder(2, fails=number % 2 == 0) for number in range(30)]
    for one in holders:
        intake.enqueue(one)
    with caplog.at_level(logging.ERROR):
        loop.run()
    assert [one.aborted for one in holders] == [one.fails for one in holders]
    assert [one.pieces for one in holders] == [1 if one.fails else 0 for one in holders]
    assert len(caplog.records) == 15
    assert not any(record.exc_info or "secret" in record.getMessage() for record in caplog.records)
    later = Holder(1)
    intake.enqueue(later)
    loop.run()
    assert later.pieces == 0
