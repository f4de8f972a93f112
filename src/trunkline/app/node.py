"""A node: its foundation, products and doors, without listeners.

``start`` opens the database, connects the bus, makes the first account, and then starts the job runner, the realtime
door and the products' components in the order of their list. ``drain`` makes the node not ready and lets the job runner
and the products begin to stop while requests in flight are finished. ``stop`` ends the components in the reverse order,
then the realtime door, the job runner and the foundation, so that nothing loses a piece that it still uses. A start
that fails stops whatever was started.
"""

from __future__ import annotations

import asyncio
from typing import Any

from trunkline.api.public import Public
from trunkline.api.request_bodies import BodyMemory
from trunkline.app.data import sdk_directory
from trunkline.app.foundation import Foundation
from trunkline.app.http_door import open_application, routed_products
from trunkline.app.products import products
from trunkline.app.realtime_door import Realtime
from trunkline.browser_sdks.scripts import SdkScripts
from trunkline.core.clock import Clock
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.jobs.runner import Runner
from trunkline.core.storage.open import open_clock
from trunkline.settings import Settings


class Node:
    """One Trunkline process, short of its listeners."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock = clock or open_clock(settings.storage.url)
        manifests = products(settings, clock)
        self._foundation = foundation = Foundation(settings, manifests, clock)
        self.vault = foundation.vault
        self.database = foundation.database
        self.blobs = foundation.blobs
        self.egress = foundation.egress
        self.metrics = foundation.metrics
        self.health = foundation.health
        self.hold_watch = foundation.hold_watch
        self.clock_watch = foundation.clock_watch
        self.removals = foundation.removals
        self.retention = foundation.retention
        self.tables = foundation.tables
        self.address = foundation.address
        self.accounts = foundation.accounts
        context = foundation.context()
        self._runtimes = [manifest.run(context) for manifest in manifests]
        self.components = [component for runtime in self._runtimes for component in runtime.components]
        self.realtime = Realtime(
            foundation, routed_products(foundation, manifests), self._runtimes, settings.realtime
        )
        self.runner = Runner(self.database, self._job_handlers(), clock)
        self._watch()
        public: list[tuple[str, Public]] = [
            (manifest.name, path)
            for manifest, runtime in zip(manifests, self._runtimes, strict=True)
            for path in runtime.public
        ]
        public.append(("sdk", SdkScripts(sdk_directory(settings))))
        self.bodies = BodyMemory(settings.server.max_body_memory)
        self.application = open_application(settings.server, foundation, self.realtime, public, self.bodies)
        self._draining: asyncio.Future[Any] | None = None

    async def start(self) -> None:
        """Start everything. Raise StorageError, BusUnreachable or BadMasterKey after all that was started has
        stopped."""
        await self._foundation.open()
        try:
            await self._foundation.start()
            await self.runner.start()
            await self.realtime.start()
            for component in self.components:
                await component.start()
        except BaseException:
            await self.stop()
            raise

    def drain(self) -> None:
        """Begin to stop: the node is no longer ready and claims no more jobs while requests in flight are finished."""
        self.health.stopping = True
        self._draining = asyncio.gather(
            self.runner.stop(),
            *(begin() for runtime in self._runtimes for begin in runtime.draining),
            return_exceptions=True,
        )

    async def stop(self) -> None:
        """Finish the accepted work and close everything."""
        for component in reversed(self.components):
            await component.stop()
        await self.realtime.stop()
        await self.runner.stop()
        await self._foundation.stop()

    def _job_handlers(self) -> dict[str, Handler]:
        handlers = self._foundation.job_handlers() | self.realtime.job_handlers()
        for runtime in self._runtimes:
            handlers |= runtime.jobs
        return handlers

    def _watch(self) -> None:
        for runtime in self._runtimes:
            for gauge in runtime.gauges:
                self.metrics.watch(gauge.name, gauge.help, gauge.value)
        self.metrics.watch(
            "trunkline_jobs_running", "Jobs that run on this node.", lambda: self.runner.running
        )
