"""Writers that load a server with changes to Services and note in a ledger what it acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from faults.ledger import GONE, Ledger
from keepalive import Caller, Connection, ConnectionClosed, ConnectionLost, Response
from servers import Server

WRITERS = 50
UNKNOWN = 500
PAGE = 100
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of Service: where it lives, and below it what comes and goes with it."""

    path: str
    children: str = ""
    number_of_children: int = 0


SYNC = Kind("/sync/v1/Services")
CHAT = Kind("/chat/v2/Services", "Roles", 4)


def caller(server: Server) -> Caller:
    """Return a client of a server with its first account."""
    return Caller(server.url, server.account_sid, server.auth_token)


@dataclass(slots=True)
class Writer:
    """A client that creates, updates and deletes its own Services, one request after the other, until it is
    stopped.

    Each name is used once. ``refused`` holds the answers that were no success. They must have changed
    nothing, but for a 500, which may stand for a commit whose outcome the server cannot determine.
    """

    kind: Kind
    ledger: Ledger
    chance: random.Random
    name: str
    refused: list[Response] = field(default_factory=list)
    stopped: bool = False
    _own: list[str] = field(default_factory=list)
    _used: int = 0

    async def run(self, server: Server) -> None:
        """Write until stopped or until the connection is lost."""
        calls = caller(server)
        try:
            connection = await calls.connect()
        except OSError:
            return
        try:
            while not self.stopped:
                await self.step(calls, connection)
        except (ConnectionClosed, ConnectionLost):
            pass
        finally:
            connection.close()

    async def step(self, calls: Caller, connection: Connection) -> None:
        """Make one change. Raise ConnectionClosed, ConnectionLost."""
        dice = self.chance.random()
        if dice < 0.4 or not self._own:
            await self._create(calls, connection)
        elif dice < 0.8:
            await self._update(calls, connection, self.chance.choice(self._own))
        else:
            await self._delete(calls, connection, self._own.pop(self.chance.randrange(len(self._own))))

    async def _create(self, calls: Caller, connection: Connection) -> None:
        name = self._new_name()
        request = calls.request("POST", self.kind.path, {"FriendlyName": name})
        response = await self._send(connection, request, None, name)
        if response.status == 201:
            sid = response.json()["sid"]
            self._own.append(sid)
            self.ledger.created(sid, name)
        else:
            self._refuse(response, None, name)

    async def _update(self, calls: Caller, connection: Connection, sid: str) -> None:
        name = self._new_name()
        request = calls.request("POST", f"{self.kind.path}/{sid}", {"FriendlyName": name})
        response = await self._send(connection, request, sid, name)
        if response.status == 200:
            self.ledger.became(sid, name)
        else:
            self._refuse(response, sid, name)

    async def _delete(self, calls: Caller, connection: Connection, sid: str) -> None:
        request = calls.request("DELETE", f"{self.kind.path}/{sid}")
        response = await self._send(connection, request, sid, GONE)
        if response.status == 204:
            self.ledger.became(sid, GONE)
        else:
            self._refuse(response, sid, GONE)
            if response.status != UNKNOWN:
                self._own.append(sid)

    async def _send(self, connection: Connection, request: bytes, sid: str | None, name: str) -> Response:
        try:
            return await connection.send(request)
        except ConnectionLost:
            self.ledger.cut_off(sid, name)
            raise

    def _refuse(self, response: Response, sid: str | None, name: str) -> None:
        self.refused.append(response)
        if response.status == UNKNOWN:
            self.ledger.cut_off(sid, name)

    def _new_name(self) -> str:
        self._used += 1
        return f"{self.name}-{self._used}"


def writers(kind: Kind, ledger: Ledger, name: str) -> list[Writer]:
    """Return fifty writers whose names begin with ``name``."""
    return [Writer(kind, ledger, random.Random(f"{name}/{n}"), f"{name}/{n}") for n in range(WRITERS)]


class Runs(Protocol):
    """A loop that writes to a server until it is stopped or the connection is lost."""

    async def run(self, server: Server) -> None:
        """Write."""
        ...


@dataclass(frozen=True)
class Enough:
    """A load lasts so many ``seconds``, and on until ``least`` more changes are acknowledged: a slow machine takes
    its time."""

    seconds: float
    acknowledged: Callable[[], int]
    least: int


async def load(server: Server, team: Sequence[Runs], enough: Enough, then: Callable[[], object]) -> None:
    """Let writers write, call ``then`` after a while, and wait until all of them have stopped."""
    wanted = enough.acknowledged() + enough.least
    tasks = [asyncio.create_task(writer.run(server)) for writer in team]
    await asyncio.wait(tasks, timeout=enough.seconds)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while enough.acknowledged() < wanted:
            finished, _ = await asyncio.wait(tasks, timeout=0.01)
            assert not finished, "a writer lost its connection"
    then()
    await asyncio.gather(*tasks)


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[Caller, Connection]]:
    """Yield a connection by the server's first account."""
    calls = caller(server)
    connection = await calls.connect()
    try:
        yield calls, connection
    finally:
        connection.close()


async def shown(server: Server, kind: Kind, seen: Container[str] = ()) -> list[tuple[str, str]]:
    """Return the SID and name of every Service that the API shows.

    Raise AssertionError when one of them, but for those that were ``seen`` before, has not all of its
    children.
    """
    found: list[tuple[str, str]] = []
    async with connected(server) as (calls, connection):
        path: str | None = f"{kind.path}?PageSize={PAGE}"
        while path:
            response = await connection.send(calls.request("GET", path))
            assert response.status == 200, response
            page = response.json()
            found += [(one["sid"], one["friendly_name"]) for one in page["services"]]
            following = page["meta"]["next_page_url"]
            path = following and following.removeprefix(server.url)
        for sid in [sid for sid, _ in found if kind.children and sid not in seen]:
            response = await connection.send(calls.request("GET", f"{kind.path}/{sid}/{kind.children}"))
            count = len(response.json()[kind.children.lower()])
            assert count == kind.number_of_children, f"{sid} has {count} {kind.children}"
    return found
