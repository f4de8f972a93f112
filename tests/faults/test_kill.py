"""A server that is killed loses nothing that it acknowledged, and keeps no half of anything (promises R1 and R2)."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from faults.integrity import damage
from faults.ledger import Ledger
from faults.writers import CHAT, SYNC, Enough, Kind, load, shown, writers
from servers import Server

ROUNDS = int(os.environ.get("TRUNKLINE_KILL_ROUNDS", "10"))
"""Kills of one server, hence twice as many on each engine; the figures quoted in the docs are of more."""
LEAST_SECONDS, MOST_SECONDS = 0.05, 0.3
LEAST = 15
"""Changes that are acknowledged in each round: fewer would mean nothing."""
KINDS = {"chat": CHAT, "sync": SYNC}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_kills_lose_nothing(
    kind: Kind, database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledger, chance, started = Ledger(), random.Random(), monotonic()
    server = Server(tmp_path, database_url=database_url)
    server.start()
    seen: set[str] = set()
    for number in range(ROUNDS):
        team = writers(kind, ledger, f"{number}")
        seconds = chance.uniform(LEAST_SECONDS, MOST_SECONDS)
        asyncio.run(
            load(server, team, Enough(seconds, lambda: ledger.count.acknowledged, LEAST), server.kill)
        )
        assert not [response for writer in team for response in writer.refused]
        server.start()
        found = asyncio.run(shown(server, kind, () if number == ROUNDS - 1 else seen))
        assert not (lies := ledger.lies(found)), lies
        seen.update(sid for sid, _ in found)
        if database_url.startswith("sqlite"):
            assert not damage(Path(database_url.removeprefix("sqlite:///")))
    server.stop()
    figures = {
        "rounds": ROUNDS,
        "acknowledged": ledger.count.acknowledged,
        "in flight at a kill": ledger.count.in_flight,
        "of these found afterwards": ledger.count.in_flight_found,
        "Services in the end": ledger.count.present,
        "seconds": round(monotonic() - started, 1),
    }
    for name, value in figures.items():
        record_property(name, value)
    print(figures)
    assert ledger.count.in_flight > ROUNDS * 10, "the kills met too few writes under way"
