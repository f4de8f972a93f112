"""Reports of late outcomes: a line each, one Alert for many, and the rest with the next or at the stop."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from engines import opened
from trunkline.core.late_outcomes import NAMED, LateOutcomes
from trunkline.core.leases import LateOutcome
from trunkline.core.storage.database import Conflict, StorageError, Tx, Unavailable


def test_a_thousand_late_outcomes_are_two_alerts(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        alerts: list[str] = []
        alerted = asyncio.Event()

        async def alert(_: Tx, text: str) -> None:
            alerts.append(text)
            alerted.set()

        async def announce(tx: Tx, *numbers: int) -> None:
            for number in numbers:
                tx.announce(LateOutcome(f"job {number} may have been run twice"))

        async with opened(database_url, ()) as database:
            reports = LateOutcomes(database, alert)
            reports.start()
            await database.write(lambda tx: announce(tx, 0))
            async with asyncio.timeout(20):
                await alerted.wait()
            await database.write(lambda tx: announce(tx, *range(1, 1000)))
            await reports.stop()
        assert len(alerts) == 2
        assert "job 0 may have been run twice" in alerts[0]
        assert "more" not in alerts[0]
        assert f"job {NAMED} may" in alerts[1]
        assert f"job {NAMED + 1} may" not in alerts[1]
        assert f"and {999 - NAMED} more" in alerts[1]
        assert caplog.text.count("may have been run twice") == 1000

    asyncio.run(body())


@pytest.mark.parametrize("error", [Conflict, Unavailable])
def test_an_alert_that_cannot_be_stored_lets_nothing_grow(
    database_url: str, caplog: pytest.LogCaptureFixture, error: type[StorageError]
) -> None:
    async def body() -> None:
        tried: list[str] = []

        async def alert(_: Tx, text: str) -> None:
            tried.append(text)
            if len(tried) == 1:
                raise error("no such account")

        async with opened(database_url, ()) as database:
            reports = LateOutcomes(database, alert)
            for first in (0, 1000):
                late = [LateOutcome(f"job {first + n} may have been run twice") for n in range(1000)]
                reports._on_events(late)
                assert len(reports._named) == NAMED
                with contextlib.suppress(Unavailable):
                    await reports._write()
        assert "job 0 may" in tried[0]
        assert f"and {1000 - NAMED} more" in tried[0]
        # One that is refused for good is in the log, and is not tried again.
        named, count = ("job 1000 may", 1000) if error is Conflict else ("job 0 may", 2000)
        assert named in tried[1]
        assert f"and {count - NAMED} more" in tried[1]
        assert ("cannot be stored" in caplog.text) is (error is Conflict)

    asyncio.run(body())
