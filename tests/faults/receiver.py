"""The receiver of a Service's webhooks, which keeps each one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl


class ReceivedWebhook(NamedTuple):
    """A webhook as it came: its idempotency token and its parameters."""

    token: str
    parameters: dict[str, str]


class Receiver:
    """A server on loopback that responds with ``statuses``, then with 200; to none while ``responds`` is not set.
    ``webhooks`` holds every webhook in its order.
    """

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self._statuses = list(statuses)
        self.webhooks: list[ReceivedWebhook] = []
        self.responds = asyncio.Event()
        self.responds.set()
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL that it listens at."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def another(self, seconds: float | None = None) -> None:
        """Wait for one more webhook than there are now, or for so long."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._take(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = (line.partition(":") for line in head.split("\r\n")[1:])
                fields = {name.lower(): value.strip() for name, _, value in lines}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                form = dict(parse_qsl(body.decode(), keep_blank_values=True))
                self.webhooks.append(ReceivedWebhook(fields["i-twilio-idempotency-token"], form))
                self._news.set()
                await self.responds.wait()
                status = self._statuses.pop(0) if self._statuses else 200
                writer.write(b"HTTP/1.1 %d Told\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
