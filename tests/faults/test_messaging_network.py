"""A network that resets, throttles or falls silent, and a stop with messages under way: every message comes to its end,
and none goes twice whose outcome was known."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from engines import SqliteEngine
from faults.network import Network
from faults.receiver import Receiver
from faults.senders import Beside, Program, run_all
from faults.sending import World, running
from servers import STOP_SECONDS

NUMBERS = ("+14155550100", "+14155550101")
RECIPIENT = "+14155550150"
EACH = 60
WINDOW = 10
SCHEDULE = ("sent", "delivered")


@asynccontextmanager
async def world(folder: Path, database_url: str, network: Network) -> AsyncIterator[World]:
    """Yield a server with two numbers and a program for each."""
    async with (
        network.smsc,
        Receiver() as app,
        running(folder, database_url, network, window=WINDOW) as server,
    ):
        made = World(server, Beside(server, database_url), network, app)
        await made.beside.own(*NUMBERS)
        form = {"StatusCallback": app.url, "To": RECIPIENT}
        made.programs = [Program(number, {**form, "From": number}) for number in NUMBERS]
        await network.smsc.bound()
        yield made


async def send_all(made: World) -> list[str]:
    """Send every program's messages; return their texts."""
    await run_all(made.server, made.programs, EACH)
    texts = [text for program in made.programs for text in program.made.values()]
    assert len(texts) == EACH * len(NUMBERS)
    return texts


def times(network: Network) -> Counter[str]:
    """Return the number of submits of each text."""
    return Counter(one.text for one in network.seen)


def in_order(network: Network) -> None:
    """Hold each sender's messages against the order in which they were made: only what was on its way together with
    the last refused one may have overtaken it."""
    for number in NUMBERS:
        texts = [one.text for one in network.seen if one.sender == number.strip("+")]
        overtaken = [
            text for place, text in enumerate(texts) if any(later < text for later in texts[place + WINDOW :])
        ]
        assert not overtaken


async def delivered(made: World) -> None:
    """Check the stored messages and the callbacks: every message delivered, its callbacks in order."""
    assert {one.status for one in await made.beside.messages()} == {"delivered"}
    for program in made.programs:
        for sid in program.made:
            notified = [one.parameters for one in made.app.webhooks if one.parameters["MessageSid"] == sid]
            assert tuple(dict.fromkeys(one["MessageStatus"] for one in notified)) == SCHEDULE


def test_a_network_that_drops_every_50_messages(tmp_path: Path) -> None:
    async def scenario() -> None:
        network = Network(drops=50)
        async with world(tmp_path, SqliteEngine(tmp_path).url(tmp_path), network) as made:
            texts = await send_all(made)
            await made.settle()
            await delivered(made)
        count = times(network)
        assert set(count) == set(texts)
        drops = network.smsc.count // 50
        assert drops >= 2
        # What had no answer when the connection broke, and nothing else.
        assert sum(count.values()) - len(count) <= drops * WINDOW

    asyncio.run(scenario())


def test_a_network_that_throttles_the_first_20(tmp_path: Path) -> None:
    async def scenario() -> None:
        network = Network(throttles=20)
        async with world(tmp_path, SqliteEngine(tmp_path).url(tmp_path), network) as made:
            texts = await send_all(made)
            await made.settle()
            await delivered(made)
        assert times(network) == Counter(texts)
        in_order(network)

    asyncio.run(scenario())


def test_a_stop_with_messages_under_way(database_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        network = Network(silent=True)
        async with world(tmp_path, database_url, network) as made:
            texts = await send_all(made)
            await network.smsc.submitted(WINDOW)
            began = monotonic()
            await asyncio.to_thread(made.server.stop)
            assert monotonic() - began < STOP_SECONDS
            unanswered = {one.text for one in network.seen}
            assert 0 < len(unanswered) <= WINDOW
            network.silent = False
            await asyncio.to_thread(made.server.start)
            await network.smsc.bound()
            await made.settle()
            await delivered(made)
        count = times(network)
        assert set(count) == set(texts)
        assert {text for text, often in count.items() if often > 1} == unanswered
        assert max(count.values()) == 2

    asyncio.run(scenario())
