"""A relay in front of a PostgreSQL server, so that a test can take away the database of one node alone."""

from __future__ import annotations

import asyncio
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

    @property
    def url(self) -> str:
        """The address of the same database through the relay."""
        who, at, _ = self._behind.netloc.rpartition("@")
        return urlunsplit(self._behind._replace(netloc=f"{who}{at}127.0.0.1:{self._port}", query=""))

    async def open(self) -> None:
        """Listen; after ``cut``, on the same port as before."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port, reuse_port=True)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await self._connect()
        self._writers |= {writer, behind_writer}
        try:
            await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))
        finally:
            self._writers -= {writer, behind_writer}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = parse_qs(self._behind.query).get("host", [unquote(self._behind.hostname or "")])[0]
        port = self._behind.port or _PORT
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host or "127.0.0.1", port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
