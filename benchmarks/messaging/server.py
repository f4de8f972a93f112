"""A server that sends by a network on the generator's core, with numbers whose rates hold nothing up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.machine import SERVER_CORE, on_core
from keepalive import Caller
from servers import Server
from trunkline.app.data import open_storage
from trunkline.app.products import products
from trunkline.core.clock import Clock, system_clock
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Database, Tx
from trunkline.settings import Settings

T = TypeVar("T")

NUMBERS = tuple(f"+1415555{number:04}" for number in range(2000, 2004))
TEXT = "Your code is 123456. It is valid for ten minutes."
WINDOW = 50
_RATE = 1_000_000_000
"""A million segments a second, in thousandths."""

_ADD = """
INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid, settings)
VALUES (:number, 'local', 'US', TRUE, FALSE, FALSE, '', :rate, :account_sid, :sid, :settings)
"""


class Sender:
    """A server that sends; requests for messages come from it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.caller = Caller(server.url, server.account_sid, server.auth_token)
        self._path = f"/2010-04-01/Accounts/{server.account_sid}/Messages.json"

    def request(self, number: int, **form: str) -> bytes:
        """Return the request for a message; one of our numbers is its sender unless ``form`` has another."""
        named = {} if "MessagingServiceSid" in form else {"From": NUMBERS[number % len(NUMBERS)]}
        return self.caller.request("POST", self._path, {"To": phone(number), "Body": TEXT, **named, **form})


def phone(number: int) -> str:
    """Return a phone, another one for each of ten million numbers."""
    return f"+1213{2_000_000 + number % 7_900_000}"


@asynccontextmanager
async def sender(folder: Path, *carriers: dict[str, Any], app: str = "") -> AsyncIterator[Sender]:
    """Yield a server on its core; ``app`` is the URL that receives what phones send."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"TRUNKLINE_CARRIERS": json.dumps(carriers)} if carriers else {}
    with on_core(SERVER_CORE):
        server = Server(folder, "--dev", environment=environment)
        server.start()
    try:
        await beside(server, lambda database: stock(database, server.account_sid, app))
        yield Sender(server)
    finally:
        server.kill()


def smpp(port: int, **options: Any) -> dict[str, Any]:
    """Return the carrier for an SMSC on this machine."""
    return {
        "name": "bench",
        "host": "127.0.0.1",
        "port": port,
        "system_id": "trunkline",
        "password": "secret",
        "window": WINDOW,
        "reconnect_first": 0.05,
        "reconnect_most": 0.05,
        **options,
    }


async def stock(database: Database, account_sid: str, app: str = "") -> None:
    """Give an account its numbers."""

    async def write(tx: Tx) -> None:
        for number in NUMBERS:
            await tx.run(
                _ADD,
                number=number,
                rate=_RATE,
                account_sid=account_sid,
                sid=new_sid("PN"),
                settings=json.dumps({"sms_url": app} if app else {}),
            )

    await database.write(write)


async def beside(
    server: Server, action: Callable[[Database], Awaitable[T]], clock: Clock = system_clock
) -> T:
    """Do something with the storage of a server; it may run."""
    settings = Settings.of(data_dir=server.data_dir)
    database = open_storage(settings, products(settings), clock, shared=True)
    await database.start()
    try:
        return await action(database)
    finally:
        await database.stop()


async def numbers_of(server: Server) -> list[str]:
    """Return the SIDs of its numbers."""

    async def read(tx: Tx) -> list[str]:
        return [
            str(await tx.value("SELECT sid FROM numbers WHERE number = :n", n=number)) for number in NUMBERS
        ]

    return await beside(server, lambda database: database.read(read))
