"""Writers that change the items of a List and of a Map over REST and note what the server acknowledged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faults.ledger import Ledger
from faults.writers import caller
from keepalive import Caller, Connection, ConnectionClosed, ConnectionLost, Response
from servers import Server


class Change(NamedTuple):
    """A change as a webhook reports it: the item, and the text that it was given."""

    item: str
    text: str


@dataclass(slots=True)
class Board:
    """A List called ``log`` and a Map called ``marks`` of the Service at ``path``. ``acknowledged`` and ``unknown``
    hold every change that was answered, or sent and not answered."""

    path: str
    ledger: Ledger = field(default_factory=Ledger)
    acknowledged: set[Change] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Scribe:
    """A client that adds items to the List and changes an item of the Map that is its own, until the
    connection is lost.
    """

    board: Board
    name: str
    refused: list[Response] = field(default_factory=list)
    stopped: bool = False
    _used: int = 0
    _marked: bool = False

    async def run(self, server: Server) -> None:
        """Write until stopped or until the connection is lost."""
        calls = caller(server)
        try:
            connection = await calls.connect()
        except OSError:
            return
        try:
            while not self.stopped:
                await self._push(calls, connection)
                await self._mark(calls, connection)
        except (ConnectionClosed, ConnectionLost):
            pass
        finally:
            connection.close()

    async def once(self, server: Server) -> None:
        """Make one change of each kind, both of which must be acknowledged."""
        calls = caller(server)
        connection = await calls.connect()
        try:
            await self._push(calls, connection)
            await self._mark(calls, connection)
        finally:
            connection.close()
        assert not self.refused

    async def _push(self, calls: Caller, connection: Connection) -> None:
        response, text = await self._post(calls, connection, "/Lists/log/Items", None)
        if response.status == 201:
            item = f"list/{response.json()['index']}"
            self.board.ledger.created(item, text)
            self.board.acknowledged.add(Change(item, text))
        else:
            self.refused.append(response)

    async def _mark(self, calls: Caller, connection: Connection) -> None:
        item = f"map/{self.name}"
        place = f"/Maps/marks/Items/{self.name}" if self._marked else "/Maps/marks/Items"
        response, text = await self._post(calls, connection, place, item if self._marked else None)
        if response.status in (200, 201):
            self._marked = True
            self.board.ledger.became(item, text)
            self.board.acknowledged.add(Change(item, text))
        else:
            self.refused.append(response)

    async def _post(
        self, calls: Caller, connection: Connection, place: str, item: str | None
    ) -> tuple[Response, str]:
        self._used += 1
        text = f"{self.name}-{self._used}"
        form = {"Data": json.dumps({"n": text})}
        if place == "/Maps/marks/Items":
            form["Key"] = self.name
        try:
            return await connection.send(calls.request("POST", self.board.path + place, form)), text
        except ConnectionLost:
            self.board.unknown.add(text)
            self.board.ledger.cut_off(item, text)
            raise


async def items(calls: Caller, connection: Connection, path: str) -> AsyncIterator[dict[str, Any]]:
    """Yield every item that a List or a Map shows, in its order."""
    page_url: str | None = f"{calls.url}{path}/Items?PageSize=100"
    while page_url:
        response = await connection.send(calls.request("GET", page_url.removeprefix(calls.url)))
        assert response.status == 200, response
        page = response.json()
        for item in page["items"]:
            yield item
        page_url = page["meta"]["next_page_url"]
