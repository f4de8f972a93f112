"""Webhooks: how many a second are sent and booked durably while Documents are updated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.live.service import DATA, service
from benchmarks.machine import cpu_seconds

AIM = 2_000.0
"""Webhooks a second on one core, beside the updates that cause them."""

WRITERS = 32
_PATIENCE = 30.0
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Delivered:
    """So many webhooks, from the first update until the last had come; ``cpu`` is the server's processor time for an
    update and its webhook."""

    webhooks: int
    updating: float
    seconds: float
    cpu: float
    generator: float

    @property
    def rate(self) -> float:
        """Webhooks a second."""
        return self.webhooks / self.seconds


class _Counter:
    def __init__(self, expected: int) -> None:
        self._left = expected
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.done.set_result(None)


class _Receiver(asyncio.Protocol):
    """Answers 200 to each request of a connection, as the bodies' lengths divide them."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < end + 4 + size:
                return
            self._received = self._received[end + 4 + size :]
            assert self._transport is not None
            self._transport.write(_ANSWER)
            self._counter.count()


async def measure(folder: Path, webhooks: int) -> Delivered:
    """Update Documents so often and wait for the webhook of each. Raises TimeoutError."""
    counter = _Counter(webhooks)
    loop = asyncio.get_running_loop()
    receiver = await loop.create_server(lambda: _Receiver(counter), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/hook"
    try:
        async with service(folder, "--dev") as on:
            # Documents first: their creation is an event too.
            sids = [await on.make("Documents") for _ in range(WRITERS)]
            connections = [await on.caller.connect() for _ in range(WRITERS)]
            wanted = {"WebhookUrl": url, "WebhooksFromRestEnabled": "true"}
            assert (await connections[0].ask(on.caller.request("POST", on.path, wanted))).status == 200
            used, own, start = cpu_seconds(on.pid), process_time(), perf_counter()

            async def update(number: int) -> None:
                request = on.caller.request("POST", f"{on.path}/Documents/{sids[number]}", {"Data": DATA})
                for _ in range(number, webhooks, WRITERS):
                    assert (await connections[number].ask(request)).status == 200

            await asyncio.gather(*(update(number) for number in range(WRITERS)))
            updating = perf_counter() - start
            async with asyncio.timeout(_PATIENCE):
                await counter.done
            took = perf_counter() - start
            used, own = cpu_seconds(on.pid) - used, process_time() - own
    finally:
        receiver.close()
    return Delivered(webhooks, updating, took, used / webhooks, own / took)
