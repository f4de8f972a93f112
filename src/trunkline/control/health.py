"""Health and metrics: ``/_trunkline/health``, ``…/health/live``, ``…/health/ready`` and ``/_trunkline/metrics``.

Neither needs credentials, and neither shows a secret. Live: the process answers. Ready: the database and the bus
answer too, and the node is not stopping; otherwise 503.
"""

from __future__ import annotations

import msgspec

from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError
from trunkline.api.headers import JSON
from trunkline.core.bus import Bus
from trunkline.core.storage.database import Database, StorageError
from trunkline.core.telemetry import Metrics

_METRICS = b"text/plain; version=0.0.4; charset=utf-8"


class Control:
    """Answers the control paths. ``stopping`` is set when the node drains."""

    def __init__(self, database: Database, bus: Bus, metrics: Metrics) -> None:
        self._database = database
        self._bus = bus
        self._metrics = metrics
        self.stopping = False

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body for a path below ``/_trunkline``; None for an unknown one. Raises
        ApiError 20004 for another method than GET."""
        path = request.path
        if path not in ("/health", "/health/live", "/health/ready", "/metrics"):
            return None
        if request.method != "GET":
            raise ApiError(20004, headers={"Allow": "GET, HEAD"})
        if path == "/metrics":
            self._metrics.queue.set(self._database.queued)
            return 200, _METRICS, self._metrics.render()
        if path == "/health/live":
            return 200, JSON, msgspec.json.encode({"live": True})
        checks = {
            "storage": await self._storage(),
            "bus": "ok" if self._bus.connected else "disconnected",
            "node": "stopping" if self.stopping else "ok",
        }
        ready = all(state == "ok" for state in checks.values())
        body = msgspec.json.encode({"live": True, "ready": ready, "checks": checks})
        return 200 if ready else 503, JSON, body

    async def _storage(self) -> str:
        try:
            await self._database.check()
        except StorageError:
            return "unavailable"
        return "ok"
