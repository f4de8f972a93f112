"""The pieces of a node on which its products and doors build.

``open`` opens the database; everything else begins with ``start``. ``stop`` comes after the products, the doors and the
job runner have stopped, since all of them use these pieces: sweepers first, then outgoing requests, the bus and the
database. The tokens that sign webhooks are cached, and read again as soon as this node or another one revokes
credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from trunkline.api.execution import OperationExecutor
from trunkline.api.operation import PrepareContext
from trunkline.api.principal import CredentialRevoked
from trunkline.app.data import open_blobs, open_operator_token, open_storage, open_vault
from trunkline.app.outgoing_requests import open_delivery, open_egress
from trunkline.app.products import holds, open_accounts, open_carriers, public_address, retention
from trunkline.control.health import Health
from trunkline.core.clock import Clock
from trunkline.core.clock_watch import ClockWatch
from trunkline.core.cluster import Cluster
from trunkline.core.database_clock import DatabaseClock
from trunkline.core.hold_watch import HoldWatch
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.jobs.removals import KIND as REMOVAL
from trunkline.core.jobs.removals import Removals
from trunkline.core.late_outcomes import LateOutcomes
from trunkline.core.nats_bus import Bus, open_bus
from trunkline.core.retention_sweeper import RetentionSweeper
from trunkline.core.table_meter import TableMeter
from trunkline.core.telemetry import Metrics
from trunkline.core.webhooks.signing_tokens import SigningTokens
from trunkline.core.webhooks.webhook import KIND as WEBHOOK
from trunkline.products.manifest import Context, Manifest
from trunkline.realtime.border import EndpointOpened
from trunkline.realtime.gateway import event_frame
from trunkline.settings import Settings
from trunkline.transports.carriers import REMOVALS, job_handlers
from trunkline.transports.sandbox.carrier import Sandbox

log = logging.getLogger("trunkline")


class Foundation:
    """Storage, bus, cluster, outgoing requests, webhook delivery, credentials, carriers and blobs of a node."""

    def __init__(self, settings: Settings, manifests: Sequence[Manifest], clock: Clock) -> None:
        self._settings = settings
        self.clock = clock
        self.vault = open_vault(settings)
        self.operator_token = open_operator_token(settings)
        self.database = open_storage(settings, manifests, clock)
        self.bus: Bus = open_bus(settings.server.nats_url)
        types = [kind for manifest in manifests for kind in manifest.announcements]
        self.cluster = Cluster(self.bus, self.vault, (*types, EndpointOpened))
        self.metrics = Metrics()
        self.health = Health(self.database, self.bus, self.metrics)
        self.egress = open_egress(settings)
        if settings.server.dev:
            log.warning("development: webhooks may reach this machine and private networks")
        self.accounts = open_accounts(settings, self.database, self.vault, manifests, self.operator_token)
        self.carriers = open_carriers(settings, self.database)
        self.address = public_address(settings)
        self.blobs = open_blobs(settings, self.database, manifests)
        plans = [plan for manifest in manifests for plan in manifest.removals]
        self.removals = Removals(self.database, (*plans, *REMOVALS))
        self.metrics.watch(
            "trunkline_removed_rows",
            "Rows below deleted resources that jobs of this node have removed.",
            lambda: self.removals.rows,
        )
        governed = retention(settings, manifests)
        self.retention = RetentionSweeper(self.database, governed, clock, self.metrics.count_removed)
        self.tables = TableMeter(self.database, governed, self.metrics)
        self.hold_watch = HoldWatch(self.database, clock, holds(manifests), self.accounts.record_host_alert)
        self.clock_watch = (
            ClockWatch(self.database, clock, self.accounts.record_host_alert)
            if isinstance(clock, DatabaseClock)
            else None
        )
        self._late_outcomes = LateOutcomes(self.database, self.accounts.record_host_alert)
        self._signing_tokens = SigningTokens(self.accounts.signing_token, clock)
        self._delivery = open_delivery(
            settings,
            self.database,
            self.egress,
            self._signing_tokens,
            self.accounts.record_webhook_alert,
            clock,
        )
        context = PrepareContext(self.database, self.blobs, self._delivery)
        self.executor = OperationExecutor(context, self.accounts.directory, self.vault)
        self.database.listen(self._handle)
        self.cluster.subscribe(lambda announcement: self._handle([announcement]))

    def context(self) -> Context:
        """Return the pieces that products use."""
        return Context(
            database=self.database,
            blobs=self.blobs,
            vault=self.vault,
            clock=self.clock,
            egress=self.egress,
            delivery=self._delivery,
            directory=self.accounts.directory,
            carriers=self.carriers,
            sandboxed=all(isinstance(carrier, Sandbox) for carrier in self.carriers.all),
            address=self.address,
            frame=event_frame,
        )

    def job_handlers(self) -> dict[str, Handler]:
        """Return the handlers of the jobs that belong to no product, by kind."""
        webhook = Handler(self._delivery.run_job, concurrency=400, per_lane=50)
        removal = self.removals.handler()
        return {WEBHOOK: webhook, REMOVAL: removal, **job_handlers(self.carriers.all)}

    async def open(self) -> None:
        """Open the database. Raise StorageError if that fails."""
        await self.database.start()

    async def start(self) -> None:
        """Connect the bus, and find or make the first account. Raise StorageError, BusUnreachable or BadMasterKey."""
        await self.accounts.check_master_key()
        await self.bus.start()
        # After all that may fail: the token of a new account is printed once, by the start that makes it.
        await self.accounts.start()
        if self.clock_watch is not None:
            await self.clock_watch.start()
        await self.hold_watch.start()
        self._late_outcomes.start()
        self.retention.start()
        self.tables.start()
        await self.blobs.start()

    async def stop(self) -> None:
        """Stop the sweepers, and close outgoing requests, the bus and the database."""
        if self.clock_watch is not None:
            await self.clock_watch.stop()
        await self.hold_watch.stop()
        await self._late_outcomes.stop()
        await self.retention.stop()
        await self.tables.stop()
        await self.blobs.stop()
        await self.egress.close()
        await self.bus.stop()
        await self.database.stop()

    def _handle(self, announcements: list[Any]) -> None:
        if any(isinstance(announcement, CredentialRevoked) for announcement in announcements):
            self._signing_tokens.invalidate()
