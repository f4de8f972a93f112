"""A relay in front of a PostgreSQL server, so that a test can take away the database of one node alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

_PIECE = 65536
_PORT = 5432


class Relay:
    """A relay that listens on loopback and forwards bytes to the server of ``database_url``."""

    def __init__(self, database_url: str) -> None:
        self._behind = urlsplit(database_url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._forwards = asyncio.Event()
        self._forwards.set()

    @property
    def url(self) -> str:
        """The address of the same database through the relay."""
        who, at, _ = self._behind.netloc.rpartition("@")
        return urlunsplit(self._behind._replace(netloc=f"{who}{at}127.0.0.1:{self._port}", query=""))

    async def open(self) -> None:
        """Listen; after ``cut``, on the same port as before. After ``swallow``, forward what waited, and go on."""
        self._forwards.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port, reuse_port=True)
            self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        assert self._server is not None
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()

    def swallow(self) -> None:
        """Forward nothing, as a network that drops every packet: connections stay, and new ones are made."""
        self._forwards.clear()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._forwards.wait()
        behind_reader, behind_writer = await self._connect()
        self._writers |= {writer, behind_writer}
        try:
            await asyncio.gather(self._copy(reader, behind_writer), self._copy(behind_reader, writer))
        finally:
            self._writers -= {writer, behind_writer}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = parse_qs(self._behind.query).get("host", [unquote(self._behind.hostname or "")])[0]
        port = self._behind.port or _PORT
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host or "127.0.0.1", port)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._forwards.wait()
                writer.write(piece)
                await writer.drain()
            # The end of a connection is a packet, too.
            await self._forwards.wait()
        writer.close()


class RelayThread:
    """Relays that run beside a test, which may block. ``relays`` has one for each of ``count`` nodes, opened."""

    def __init__(self, database_url: str, count: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._relays = [Relay(database_url) for _ in range(count)]
        self._call(*(relay.open() for relay in self._relays))

    def url(self, number: int) -> str:
        """Return the address of the database through a relay."""
        return self._relays[number].url

    def cut(self, number: int) -> None:
        """Break every connection of a relay and refuse new ones."""
        self._call(_called(self._relays[number].cut))

    def swallow(self, number: int) -> None:
        """Let a relay forward nothing."""
        self._call(_called(self._relays[number].swallow))

    def open(self, number: int) -> None:
        """Let a relay forward again."""
        self._call(self._relays[number].open())

    def close(self) -> None:
        """End all of it."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for relay in self._relays:
            await relay.open()
            relay.cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, *work: Coroutine[None, None, None]) -> None:
        for one in work:
            asyncio.run_coroutine_threadsafe(one, self._loop).result()


async def _called(function: Callable[[], None]) -> None:
    function()
