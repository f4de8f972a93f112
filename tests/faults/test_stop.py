"""A clean stop under load finishes what was accepted (promise R8), and a database has one server."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from faults.ledger import Ledger
from faults.writers import SYNC, Enough, load, shown, writers
from servers import STOP_SECONDS, Server, ServerFailed

LOAD_SECONDS = 0.5


def test_a_stop_under_load_answers_what_was_sent(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledger, server = Ledger(), Server(tmp_path, database_url=database_url)
    server.start()
    team = writers(SYNC, ledger, "stop")
    ended: list[float] = []

    def end() -> None:
        ended.append(monotonic())
        os.kill(server.pid, signal.SIGTERM)

    asyncio.run(load(server, team, Enough(LOAD_SECONDS, lambda: ledger.count.acknowledged, 100), end))
    server.stop()
    seconds = monotonic() - ended[0]
    record_property("acknowledged", ledger.count.acknowledged)
    record_property("sent and not answered", ledger.count.in_flight)
    record_property("seconds to stop", round(seconds, 2))
    print(ledger.count, f"stopped within {seconds:.2f} s")
    refused = [response for writer in team for response in writer.refused]
    assert seconds < STOP_SECONDS
    server.start()
    assert not (lies := ledger.lies(asyncio.run(shown(server, SYNC)))), lies
    server.stop()
    assert not refused
    assert ledger.count.in_flight == 0


def test_a_second_server_on_the_same_data_refuses(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        second = Server(tmp_path)
        with pytest.raises(ServerFailed, match="in use by another process"):
            second.start()
        assert asyncio.run(shown(first, SYNC)) == []
