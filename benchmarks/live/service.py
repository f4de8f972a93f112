"""A Trunkline server for the realtime measurements: a Sync Service, a key to log in with, and objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from benchmarks.live.tally import Tally
from benchmarks.live.twilsock import Client, access_token
from benchmarks.machine import SERVER_CORE, on_core
from keepalive import Caller
from servers import Server

DATA = json.dumps({"text": "a document of usual length", "count": 12, "done": False, "tags": ["a", "b"]})
_AT_ONCE = 100
"""So many clients log in at the same time."""


class Service:
    """A Service on a server that runs, and the token that leads to it."""

    def __init__(self, caller: Caller, server: Server, sid: str, token: str) -> None:
        self.caller = caller
        self.url = server.url
        self.pid = server.pid
        self.path = f"/sync/v1/Services/{sid}"
        self.token = token

    async def make(self, kind: str) -> str:
        """Create an object; return its SID; ``kind`` is such as ``Documents``."""
        form = {"Data": DATA} if kind == "Documents" else {}
        return str((await post(self.caller, f"{self.path}/{kind}", form))["sid"])

    async def clients(
        self, many: int, tally: Tally | None = None, *, acknowledge: bool = False
    ) -> list[Client]:
        """Return so many clients, logged in."""
        made = [Client(tally, acknowledges=acknowledge) for _ in range(many)]
        await in_turns([partial(one.log_in, self.url, self.token) for one in made])
        return made


class Leaver(Protocol):
    """A connection that can vanish."""

    @property
    def closed(self) -> bool:
        """True if it has."""
        ...

    def abort(self) -> None:
        """Close without a farewell."""
        ...


async def gone(sockets: Sequence[Leaver]) -> None:
    """Let them vanish, and wait until they have: file descriptors are few."""
    for one in sockets:
        one.abort()
    while not all(one.closed for one in sockets):
        await asyncio.sleep(0.01)


async def in_turns(work: list[Any], at_once: int = _AT_ONCE) -> None:
    """Do all of it, so many at the same time."""
    for start in range(0, len(work), at_once):
        await asyncio.gather(*(one() for one in work[start : start + at_once]))


async def post(caller: Caller, path: str, form: Mapping[str, str]) -> Any:
    """Post a form on a connection of its own. Return the response's value."""
    connection = await caller.connect()
    response = await connection.send(caller.request("POST", path, form))
    connection.close()
    assert response.status in (200, 201), response.body
    return response.json()


@asynccontextmanager
async def service(folder: Path, *arguments: str) -> AsyncIterator[Service]:
    """Yield a server with one Sync Service. Sync's limits on a single object are off."""
    folder.mkdir(parents=True)
    with on_core(SERVER_CORE):
        server = Server(folder, "--no-sync-limits", *arguments)
        server.start()
    try:
        caller = Caller(server.url, server.account_sid, server.auth_token)
        sid = (await post(caller, "/sync/v1/Services", {}))["sid"]
        key = await post(caller, f"/2010-04-01/Accounts/{server.account_sid}/Keys.json", {})
        token = access_token(server.account_sid, (key["sid"], key["secret"]), sid)
        yield Service(caller, server, sid, token)
    finally:
        server.kill()
