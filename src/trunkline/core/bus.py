"""The bus between nodes: NATS core subjects. It carries hints only and is never the only copy of anything.

A single node needs none. With one configured, the node starts only when the bus answers, reconnects by itself, and is
not ready while the connection is down.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

log = logging.getLogger("trunkline.bus")


class BusUnreachable(Exception):
    """The bus does not answer, or its client library is not installed."""


class Bus(Protocol):
    """What a node knows of the other nodes' bus."""

    async def start(self) -> None:
        """Connect. Raises BusUnreachable."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the bus can be used now."""
        ...


class LocalBus:
    """The bus of a single node: there is nobody else to reach."""

    connected = True

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""


class NatsBus:
    """The bus of several nodes, on a NATS server. ``url`` may name several, separated by commas."""

    CONNECT_SECONDS = 5

    def __init__(self, url: str) -> None:
        self._servers = [part.strip() for part in url.split(",") if part.strip()]
        self._client: Any = None

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._client is not None and bool(self._client.is_connected)

    async def start(self) -> None:
        """Connect; afterwards the client reconnects by itself for as long as it takes."""
        try:
            import nats
        except ImportError:
            raise BusUnreachable("nats_url needs the cluster extra: install trunkline[cluster]") from None
        try:
            # Without a limit on reconnecting the client would try for the first connection for ever.
            async with asyncio.timeout(self.CONNECT_SECONDS):
                self._client = await nats.connect(
                    self._servers,
                    name="trunkline",
                    connect_timeout=self.CONNECT_SECONDS,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    error_cb=self._failed,
                    disconnected_cb=self._lost,
                    reconnected_cb=self._back,
                )
        except Exception as error:
            raise BusUnreachable(f"the bus does not answer ({type(error).__name__})") from error

    async def stop(self) -> None:
        """Send what is still to go and disconnect."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _failed(self, error: Exception) -> None:
        log.warning("bus error: %s", type(error).__name__)

    async def _lost(self) -> None:
        log.warning("the connection to the bus is lost")

    async def _back(self) -> None:
        log.info("the connection to the bus is back")


def open_bus(url: str) -> Bus:
    """The bus for ``nats_url``; the local one when it is empty."""
    return NatsBus(url) if url else LocalBus()
