"""Health and metrics: ``/_trunkline/health``, ``…/health/live``, ``…/health/ready`` and ``/_trunkline/metrics``.

Health is open to everybody and shows no secret. Metrics are the operator's: they count the requests of all accounts. A
node is live if its process responds. It is ready if it can serve: the database responds within 2 s, accepts changes and
is not damaged, the machine's clock is at most 2 s off the database's, and the node is not stopping; otherwise the
status is 503. Requests that come together share one check.
The bus is reported apart: without it a node serves on, and all nodes lose it at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from trunkline.api.operation import FOR_OPERATOR, Call, Operation, OperationKind, handled
from trunkline.api.response_content import ResponseContent, in_memory
from trunkline.api.views import Json, Urls
from trunkline.core.blobs.store import BlobStore
from trunkline.core.clock import SECOND
from trunkline.core.database_clock import ClockState, DatabaseClock, describe_skew
from trunkline.core.late_timers import patient_timeout
from trunkline.core.nats_bus import Bus
from trunkline.core.storage.database import DamagedData, Database, NotWritable, StorageError
from trunkline.core.telemetry import Metrics

CHECK_SECONDS = 2.5
"""The longest time of a check of the database; PostgreSQL's own is shorter, and has its reason."""

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Readiness(msgspec.Struct, frozen=True):
    """The states of the parts of a node: ``ok``, or the reason why it is not. Storage, clock and node must be ok for it
    to be ready; the bus need not."""

    storage: str
    clock: str
    node: str
    bus: str

    @property
    def ready(self) -> bool:
        """True if the node can serve."""
        return {self.storage, self.clock, self.node} == {"ok"}


class Health:
    """The health of a node. ``stopping`` is set when the node drains."""

    def __init__(self, database: Database, bus: Bus, metrics: Metrics) -> None:
        self._database = database
        self._bus = bus
        self._metrics = metrics
        self._check: asyncio.Task[str] | None = None
        self.stopping = False
        self._ready = metrics.gauge(
            "trunkline_ready", "1 if the node can serve, as its readiness says, else 0."
        )
        metrics.watch(
            "trunkline_bus_connected",
            "1 if the bus between nodes is connected, or none is configured, else 0.",
            lambda: float(self._bus.connected),
        )
        clock = database.clock
        if isinstance(clock, DatabaseClock):
            metrics.watch(
                "trunkline_clock_ahead_seconds",
                "Seconds by which the machine's clock is ahead of the database's; below 0, behind it.",
                lambda: clock.skew / SECOND,
            )

    async def readiness(self, call: Call[Any]) -> Readiness:
        """Return the states of the node's parts."""
        return Readiness(
            storage=await self._storage(),
            clock=self._clock(),
            node="stopping" if self.stopping else "ok",
            bus="ok" if self._bus.connected else "disconnected",
        )

    async def metrics(self, call: Call[Any]) -> bytes:
        """Return the node's metrics in Prometheus' text format."""
        self._metrics.queue.set(self._database.queued)
        self._ready.set((await self.readiness(call)).ready)
        return self._metrics.render()

    async def _storage(self) -> str:
        """Return the state of the database, by the check that is under way if there is one."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._check_storage())
        # A client that gives up does not end the check of the others.
        return await asyncio.shield(self._check)

    async def _check_storage(self) -> str:
        try:
            async with patient_timeout(CHECK_SECONDS):
                await self._database.check()
        except TimeoutError:
            return "unavailable"
        except DamagedData:
            return "damaged"
        except NotWritable:
            return "not writable"
        except StorageError:
            return "unavailable"
        return "ok"

    def _clock(self) -> str:
        clock = self._database.clock
        if isinstance(clock, DatabaseClock) and clock.state is not ClockState.RIGHT:
            return describe_skew(clock.skew)
        return "ok"

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations of health and metrics."""
        return (
            *(
                _open(
                    path, self.readiness, view=_readiness, outcome=lambda found: 200 if found.ready else 503
                )
                for path in ("/health", "/health/ready")
            ),
            _open("/health/live", _live, view=lambda _result, _urls: {"live": True}),
            handled(OperationKind.FETCH, "/metrics", self.metrics, None, content=_as_metrics, **FOR_OPERATOR),
        )


async def _live(call: Call[Any]) -> bool:
    return True


def _open(path: str, run: Any, view: Any = None, **more: Any) -> Operation:
    return handled(OperationKind.FETCH, path, run, view, schemes=frozenset(), **more)


def _readiness(found: Readiness, urls: Urls) -> Json:
    checks = {"storage": found.storage, "clock": found.clock, "node": found.node}
    return {"live": True, "ready": found.ready, "checks": checks, "bus": found.bus}


def _as_metrics(metrics: bytes, _: BlobStore) -> ResponseContent:
    return in_memory(_METRICS, metrics)
