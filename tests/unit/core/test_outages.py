"""The lines of the log about outages: one where an outage begins and one where it ends, however much fails."""

from __future__ import annotations

import logging

import pytest

from trunkline.core import outages
from trunkline.core.outages import MAX_KEYS, FrequentEvent, Outage, Outages

log = logging.getLogger("trunkline.test")


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_an_outage_is_a_line_at_its_begin_and_one_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, calm=0)
    outage.works("%s is back", "it")
    assert not outage.lasts
    for number in range(1000):
        outage.failed("it is away: %s", number, level=logging.ERROR)
    assert outage.lasts
    for _ in range(1000):
        outage.works("%s is back", "it")
    assert not outage.lasts
    assert lines(caplog) == [("ERROR", "it is away: 0"), ("WARNING", "it is back")]
    assert caplog.records[1].fields == {"failures": 1000}  # type: ignore[attr-defined]


def test_a_fault_of_the_program_has_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log)
    for _ in range(10):
        outage.failed("it failed", error=ZeroDivisionError("x"), fields={"id": "7"})
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.fields == {"id": "7"}  # type: ignore[attr-defined]


def test_what_strangers_cause_is_a_line_a_minute_with_its_number(caplog: pytest.LogCaptureFixture) -> None:
    clock = Seconds()
    event = FrequentEvent(log, clock)
    for number in range(250):
        clock.now = number / 2
        event.happened("it is bad: %s", number)
    assert lines(caplog) == [("WARNING", f"it is bad: {number}") for number in (0, 120, 240)]
    assert [record.fields["events"] for record in caplog.records] == [1, 120, 120]  # type: ignore[attr-defined]


def test_what_fails_now_and_then_is_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    clock = Seconds()
    outage = Outage(log, clock=clock)
    for _ in range(100):
        outage.failed("away")
        clock.now += outages.CALM_SECONDS - 1
        outage.works("back")
    assert lines(caplog) == [("WARNING", "away")]
    clock.now += 1
    outage.works("back")
    outage.failed("away")
    assert [text for _, text in lines(caplog)] == ["away", "back", "away"]


def test_each_dependency_has_its_own_outage(caplog: pytest.LogCaptureFixture) -> None:
    found = Outages(log, calm=0)
    assert not found
    found.works("a", "a works")
    for _ in range(3):
        found.of("a").failed("a fails")
        found.of("b").failed("b fails")
    found.works("b", "b works")
    assert found
    found.works("a", "a works")
    assert not found
    assert [text for _, text in lines(caplog)] == ["a fails", "b fails", "b works", "a works"]


def test_an_outage_that_is_not_over_stays_known(caplog: pytest.LogCaptureFixture) -> None:
    found = Outages(log)
    found.of("a").failed("a fails")
    found.works("a", "a works")
    found.of("a").failed("a fails")
    assert [text for _, text in lines(caplog)] == ["a fails"]


def test_the_outages_that_are_known_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    found = Outages(log)
    for key in range(MAX_KEYS + 1):
        found.of(key).failed("%d fails", key)
    found.of(MAX_KEYS).failed("known")
    found.of(0).failed("0 fails again")
    assert lines(caplog)[-1] == ("WARNING", "0 fails again")
    assert len(caplog.records) == MAX_KEYS + 2
