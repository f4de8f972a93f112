"""A server, the phone network that it sends by, the app that it notifies, and the programs that send through
it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from faults.network import Network
from faults.receiver import Receiver
from faults.senders import FINAL, Beside, Program, StoredMessage
from faults.writers import connected
from servers import Server

PATIENCE = 30.0
POLL_SECONDS = 0.2
"""Seconds between polls of the database, while no webhook comes."""


class World:
    """A server, its network, its app, and the programs that send through it."""

    def __init__(self, server: Server, beside: Beside, network: Network, app: Receiver) -> None:
        self.server, self.beside, self.network, self.app = server, beside, network, app
        self.programs: list[Program] = []
        self.service_sid = self.scheduled_sid = ""
        self.orphans: list[set[str]] = []
        """What was being handed over at each kill."""

    async def post(self, path: str, **form: str) -> dict[str, str]:
        """Return the response to a request that succeeds."""
        async with connected(self.server) as (calls, connection):
            path = path.replace("~", f"/2010-04-01/Accounts/{self.server.account_sid}")
            response = await connection.send(calls.request("POST", path, form))
            assert response.status in (200, 201), response
            body: dict[str, str] = response.json()
            return body

    async def settle(self) -> None:
        """Wait until every message is final and every callback has come."""
        deadline = monotonic() + PATIENCE
        while waiting := await self._unsettled():
            assert monotonic() < deadline, waiting
            await self.beside.hurry()
            await self.app.another(POLL_SECONDS)

    async def _unsettled(self) -> list[StoredMessage]:
        await self.network.idle()
        notified = self.notified()
        return [
            one
            for one in await self.beside.messages()
            if one.direction == "outbound-api"
            and one.status != "scheduled"
            and (one.status not in FINAL or (one.sid, one.status) not in notified)
        ]

    def notified(self) -> set[tuple[str, str]]:
        """Return the reported states of each message."""
        return {(one.parameters["MessageSid"], one.parameters["MessageStatus"]) for one in self.app.webhooks}


@asynccontextmanager
async def running(folder: Path, database_url: str, network: Network, **more: object) -> AsyncIterator[Server]:
    """Yield a server whose only carrier is the network: stopped in the end, or killed when the test fails."""
    server = Server(folder, "--dev", database_url=database_url, environment=network.carrier(**more))
    try:
        await asyncio.to_thread(server.start)
        yield server
    except BaseException:
        with contextlib.suppress(AssertionError):
            server.kill()
        raise
    await asyncio.to_thread(server.stop)
