"""Programs that send messages as fast as a server takes them, and note which it acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from faults.writers import caller
from keepalive import ConnectionClosed, ConnectionLost
from servers import Server
from trunkline.app.data import open_storage
from trunkline.app.products import products
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.products.messaging.lifecycle.lanes import release_all_lanes
from trunkline.settings import Settings

FINAL = ("delivered", "undelivered", "failed", "canceled")


class StoredMessage(Row, frozen=True):
    """A message as it is stored."""

    sid: str
    body: str
    status: str
    error_code: int | None
    sender: str | None
    recipient: str
    direction: str


@dataclass
class Beside:
    """The storage of a server, opened beside it or while it is dead."""

    server: Server
    database_url: str

    async def open(self) -> Database:
        """Return the database, started."""
        settings = Settings.of(data_dir=self.server.data_dir, database_url=self.database_url)
        database = open_storage(settings, products(settings), shared=True)
        await database.start()
        return database

    async def own(self, *numbers: str, rate: int = 2_000) -> dict[str, str]:
        """Give the server's account numbers that send ``rate`` segments a second; their SIDs."""
        sids = {number: new_sid("PN") for number in numbers}

        async def write(tx: Tx) -> None:
            for number, sid in sids.items():
                await tx.run(
                    "INSERT INTO numbers"
                    " (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid)"
                    " VALUES (:number, 'local', 'US', TRUE, FALSE, FALSE, '', :rate, :account_sid, :sid)",
                    number=number,
                    rate=rate * 1000,
                    account_sid=self.server.account_sid,
                    sid=sid,
                )

        await self._write(write)
        return sids

    async def after_death(self, rate: int = 0) -> set[str]:
        """Return the messages that a dead server was handing over. Its leases run out at once: with a
        PostgreSQL it would be a minute. Numbers send ``rate`` segments a second from then on, when one is
        given.
        """
        found: set[str] = set()

        async def write(tx: Tx) -> None:
            handed = await tx.all(_Sid, "SELECT message_sid FROM message_queue WHERE step = 'sending'")
            found.update(one.message_sid for one in handed)
            await release_all_lanes(tx)
            if rate:
                await tx.run("UPDATE numbers SET rate = :rate", rate=rate * 1000)
            await tx.run("UPDATE jobs SET due = 0 WHERE state = 'ready' AND holder IS NOT NULL")

        await self._write(write)
        return found

    async def hurry(self) -> None:
        """End the wait of everything that waits for another try."""
        await self._write(
            lambda tx: tx.run(
                "UPDATE message_queue SET due = :now WHERE step = 'send' AND due > :now", now=tx.now
            )
        )

    async def messages(self) -> list[StoredMessage]:
        """Return all messages, in the order in which they were made."""
        database = await self.open()
        try:
            return await database.read(
                lambda tx: tx.all(
                    StoredMessage, f"SELECT {columns(StoredMessage)} FROM messages ORDER BY date_created, sid"
                )
            )
        finally:
            await database.stop()

    async def _write(self, write: object) -> None:
        database = await self.open()
        try:
            await database.write(write)  # type: ignore[arg-type]
        finally:
            await database.stop()


class _Sid(Row, frozen=True):
    message_sid: str


@dataclass
class Program:
    """A program that sends numbered messages from one sender, one request after the other: ``form`` has the
    sender and the recipient. ``made`` are the texts by the SIDs that were acknowledged, ``unsure`` the texts
    of requests that were cut off.
    """

    name: str
    form: dict[str, str]
    made: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    _used: int = 0

    async def run(self, server: Server, most: int) -> None:
        """Send until the connection is lost, or ``most`` messages were."""
        calls = caller(server)
        path = f"/2010-04-01/Accounts/{server.account_sid}/Messages.json"
        try:
            connection = await calls.connect()
        except OSError:
            return
        try:
            for _ in range(most):
                self._used += 1
                text = f"{self.name}/{self._used:05d}"
                request = calls.request("POST", path, {**self.form, "Body": text})
                try:
                    response = await connection.send(request)
                except ConnectionLost:
                    self.unsure.append(text)
                    return
                if response.status == 201:
                    self.made[response.json()["sid"]] = text
                else:
                    self.refused.append(response.status)
        except ConnectionClosed:
            return
        finally:
            connection.close()


async def run_all(server: Server, programs: list[Program], most: int) -> None:
    """Let programs send beside each other."""
    await asyncio.gather(*(program.run(server, most) for program in programs))
