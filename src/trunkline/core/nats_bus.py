"""The bus between nodes: NATS core subjects. It carries hints only and is never the only copy of anything.

1. A single node needs no bus. With one configured, the node starts only if the bus responds within 5 s, reconnects by
   itself, and is not ready while the connection is down.
2. ``publish`` appends to a list and returns; one task sends the list in order, so that no caller awaits the network.
3. While the connection is down, the client buffers 2 MiB; messages beyond that, and beyond 10,000 unsent ones, are
   lost. After each reconnect the listeners of gaps are called, and read the database again.
4. Messages of other nodes arrive on the client's own tasks, which call the handlers in order.
5. A connection may look open although nothing comes over it: its server's host is gone, or a firewall drops all. One
   task sends a ping every second. It counts seconds in which a ping had no reply, not the time, so that a node that
   stood still reads the reply first; after three of them it aborts the connection, 4 s after the last reply at the
   latest. The client alone would not: its own pings wait behind unsent messages, and so does its close, which a peer
   that is gone never lets end.
6. ``stop`` lets the task send the rest, for which the server has 5 s, and closes the client within another second.
7. Of an outage the log has the begin and the end. The client reports every failed attempt to connect, and what it
   logs by itself comes with a traceback: neither is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from trunkline.core.late_timers import patient_sleep, patient_timeout
from trunkline.core.outages import Outage

log = logging.getLogger("trunkline.bus")

MessageHandler = Callable[[bytes], None]
"""A handler of the messages of a subject, those of one node in their order. It must not raise."""


class BusUnreachable(Exception):
    """The bus does not respond, or its client library is not installed."""


class Bus(Protocol):
    """The bus to the other nodes."""

    @property
    def alone(self) -> bool:
        """True if there can be no other node, so that nothing need be published."""
        ...

    @property
    def connected(self) -> bool:
        """True if the bus can be used now."""
        ...

    async def start(self) -> None:
        """Connect. Raise BusUnreachable if that takes over 5 s."""
        ...

    async def stop(self) -> None:
        """Send the messages that are left and disconnect, within 6 s."""
        ...

    def subscribe(self, subject: str, handler: MessageHandler) -> None:
        """Call ``handler`` with the messages of other nodes under ``subject``, never with own ones. Only before
        ``start``."""
        ...

    def publish(self, subject: str, payload: bytes) -> None:
        """Send a message to the other nodes, soon and in the order of the calls; ``payload`` is below 1 MiB."""
        ...

    def on_gap(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` if messages may have been missed, as after every reconnect."""
        ...


class LocalBus:
    """The bus of a single node: there is no other node to reach."""

    alone = True
    connected = True

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    def subscribe(self, subject: str, handler: MessageHandler) -> None:
        """Do nothing: no message ever comes."""

    def publish(self, subject: str, payload: bytes) -> None:
        """Do nothing: no node receives it."""

    def on_gap(self, listener: Callable[[], None]) -> None:
        """Do nothing: no message is ever missed."""


class NatsBus:
    """The bus of several nodes, on a NATS server. ``url`` may name several, separated by commas."""

    CONNECT_SECONDS = 5
    STOP_SECONDS = 5
    """The time that a stop gives the server to receive the messages published before."""
    CLOSE_SECONDS = 1
    RECONNECT_SECONDS = 0.5
    PING_SECONDS = 1.0
    MISSED_PINGS = 3
    """The seconds in a row in which a ping had no reply: then the connection is lost."""
    GAP_SECONDS = 1.0
    """The shortest time between two gaps, of which a node that is slow causes one with every message it drops."""
    MAX_WAITING = 10_000
    """The most messages that wait to be sent; further ones are dropped."""

    alone = False

    def __init__(self, url: str) -> None:
        self._servers = [part.strip() for part in url.split(",") if part.strip()]
        self._client: Any = None
        self._handlers: list[tuple[str, MessageHandler]] = []
        self._listeners: list[Callable[[], None]] = []
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._awake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._outage = Outage(log, calm=0)
        self._slow = Outage(log)
        self._gap: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """True while the connection is up: at most 5 s after the last sign of its server."""
        return self._client is not None and bool(self._client.is_connected)

    def subscribe(self, subject: str, handler: MessageHandler) -> None:
        """Call ``handler`` with the messages of other nodes under ``subject``, never with own ones. Only before
        ``start``."""
        self._handlers.append((subject, handler))

    def publish(self, subject: str, payload: bytes) -> None:
        """Send a message to the other nodes, soon and in the order of the calls; ``payload`` is below 1 MiB."""
        if len(self._waiting) >= self.MAX_WAITING:
            return
        self._waiting.append((subject, payload))
        self._awake.set()

    def on_gap(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` if messages may have been missed, as after every reconnect."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Connect; afterwards the client reconnects by itself for as long as it takes."""
        try:
            import nats
        except ImportError:
            raise BusUnreachable("nats_url needs the cluster extra: install trunkline[cluster]") from None
        try:
            # Without a limit on reconnecting the client would try for the first connection for ever.
            async with patient_timeout(self.CONNECT_SECONDS):
                self._client = await nats.connect(
                    self._servers,
                    name="trunkline",
                    connect_timeout=self.CONNECT_SECONDS,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=self.RECONNECT_SECONDS,
                    # The pings of the task below are enough.
                    ping_interval=_NEVER_SECONDS,
                    no_echo=True,
                    error_cb=self._failed,
                    disconnected_cb=self._lost,
                    reconnected_cb=self._back,
                )
                for subject, handler in self._handlers:
                    await self._client.subscribe(subject, cb=_callback(handler))
                # Subscriptions count from when the server has them.
                await _reached(self._client)
        except Exception as error:
            raise BusUnreachable(f"the bus does not respond ({type(error).__name__})") from error
        self._stopping = False
        self._tasks = [
            asyncio.create_task(self._send(self._client)),
            asyncio.create_task(self._watch(self._client)),
        ]

    async def stop(self) -> None:
        """Send the messages that are left, for which the server has 5 s, and disconnect within another second."""
        tasks, self._tasks = self._tasks, []
        client, self._client = self._client, None
        if client is None:
            return
        self._stopping = True
        self._awake.set()
        if self._gap is not None:
            self._gap.cancel()
        if tasks:
            await self._send_the_rest(client, tasks[0])
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self.CLOSE_SECONDS):
                await client.close()
        _abort(client)

    async def _send_the_rest(self, client: Any, sending: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(self.STOP_SECONDS):
                # Not awaited itself: the client's publish may keep a cancellation to itself.
                await asyncio.wait({sending})
                if client.is_connected:
                    await _reached(client)
        except Exception as error:
            log.warning("the last messages for other nodes may be lost: %s", type(error).__name__)

    async def _watch(self, client: Any) -> None:
        """Abort a connection that is lost without a sign of it, and one that the client cannot close."""
        pings: list[asyncio.Task[None]] = []
        missed, over = 0, 0
        try:
            while True:
                await patient_sleep(self.PING_SECONDS)
                same = client.is_connected and client.stats["reconnects"] == over
                if same and pings and not pings[0].done():
                    missed += 1
                    if missed < self.MISSED_PINGS:
                        continue
                    self._outage.failed("the connection to the bus is lost: its server does not respond")
                    _abort(client)
                elif not client.is_connected:
                    _abort(client, only_closing=True)
                while pings:
                    pings.pop().cancel()
                missed, over = 0, client.stats["reconnects"]
                if client.is_connected:
                    self._slow.works("this node keeps up with the messages of others")
                    pings.append(asyncio.create_task(_ping(client)))
        finally:
            for ping in pings:
                ping.cancel()

    async def _send(self, client: Any) -> None:
        stopping = False
        while not stopping:
            await self._awake.wait()
            self._awake.clear()
            stopping = self._stopping
            while self._waiting:
                try:
                    await client.publish(*self._waiting.popleft())
                except Exception as error:
                    # A hint is not worth a wait: a lost one is found in the database.
                    log.debug("a message for other nodes is lost: %s", type(error).__name__)

    async def _failed(self, error: Exception) -> None:
        from nats.errors import SlowConsumerError

        if isinstance(error, SlowConsumerError):
            self._slow.failed(
                "this node is too slow for the messages of others, and reads the database again"
            )
            if self._gap is None:
                self._gap = asyncio.get_running_loop().call_later(self.GAP_SECONDS, self._notify_gap)
        else:
            log.debug("bus error: %s", type(error).__name__)

    async def _lost(self) -> None:
        if not self._stopping:
            self._outage.failed("the connection to the bus is lost")

    async def _back(self) -> None:
        self._outage.works("the connection to the bus is back")
        self._notify_gap()

    def _notify_gap(self) -> None:
        self._gap = None
        for listener in self._listeners:
            listener()


_NEVER_SECONDS = 24 * 3600


async def _ping(client: Any) -> None:
    # The client cannot bear that a ping which waits for its reply is given up; the watch ends it with the connection.
    with contextlib.suppress(Exception):
        await client.flush(timeout=_NEVER_SECONDS)


def _abort(client: Any, *, only_closing: bool = False) -> None:
    """End the client's connection at once, without what is unsent; with ``only_closing`` one that the client is
    closing, but no new one."""
    transport = client._transport
    writer = getattr(transport, "_io_writer", None)
    if writer is not None and (writer.transport.is_closing() or not only_closing):
        writer.transport.abort()
    elif transport is not None and writer is None and not only_closing:
        # A WebSocket, which has no other end.
        transport.close()


async def _reached(client: Any) -> None:
    """Return once the server has read everything that ``client`` was given before.

    The client writes a ping at once, but commands in the loop's next turn: the first ping overtakes them, and its pong
    comes when they are written. The second ping follows them, and the server reads in order.
    """
    await client.flush()
    await client.flush()


def _callback(handler: MessageHandler) -> Callable[[Any], Any]:
    async def handle(message: Any) -> None:
        handler(message.data)

    return handle


def _without_traceback(record: logging.LogRecord) -> bool:
    """Let the client's own logger write one line without a traceback: the connection that it gives up so is found dead
    by its pings."""
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {type(record.exc_info[1]).__name__}", ()
    record.exc_info = record.exc_text = None
    return True


logging.getLogger("nats.aio.client").addFilter(_without_traceback)


def open_bus(url: str) -> Bus:
    """Return the bus for ``nats_url``, the local one if it is empty."""
    return NatsBus(url) if url else LocalBus()
