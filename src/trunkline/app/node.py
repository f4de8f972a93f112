"""A node: storage, bus, products and doors, without listeners.

``start`` opens the storage, connects the bus, makes the first account, and then starts the job runner, the realtime
door and the products' components in the order of their list. ``drain`` makes the node not ready and lets the job runner
and the products begin to stop while requests in flight are finished. ``stop`` ends the components in the reverse order,
then the realtime door, the job runner, outgoing requests, the bus and the database, so that nothing loses a piece that
it still uses. A start that fails stops whatever was started.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from trunkline.api.http import ApiApplication, HttpDoor, HttpLimits
from trunkline.api.operation import Product
from trunkline.api.public import PublicPaths
from trunkline.app.data import open_blobs, open_operator_token, open_storage, open_vault
from trunkline.app.products import products
from trunkline.app.realtime import Realtime, RealtimeParts
from trunkline.control import control_product
from trunkline.control.health import Health
from trunkline.core import mutations
from trunkline.core.bus import Bus, open_bus
from trunkline.core.clock import Clock, system_clock
from trunkline.core.cluster import Cluster
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.jobs.runner import Runner
from trunkline.core.telemetry import Metrics
from trunkline.core.webhooks.delivery import Delivery, DeliveryOptions
from trunkline.core.webhooks.signing_tokens import SigningTokens
from trunkline.core.webhooks.webhook import KIND as WEBHOOK
from trunkline.products.accounts import facade
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.manifest import Context, Manifest, PublicAddress
from trunkline.products.sync.limits import Buckets
from trunkline.realtime import endpoints
from trunkline.realtime.border import EndpointOpened
from trunkline.realtime.gateway import Limits as Connections
from trunkline.realtime.gateway import event_frame
from trunkline.settings import Settings
from trunkline.transports.carriers import job_handlers, open_carriers
from trunkline.transports.sandbox.carrier import Sandbox

log = logging.getLogger("trunkline")


class Node:
    """One Trunkline process, short of its listeners."""

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.vault = open_vault(settings)
        self.operator_token = open_operator_token(settings)
        self.database = open_storage(settings, clock)
        self.bus: Bus = open_bus(settings.server.nats_url)
        self.metrics = Metrics()
        self.health = Health(self.database, self.bus, self.metrics)
        self.mutations = mutations.sweeper(self.database)
        self.egress = _open_egress(settings)
        self.signing_tokens = SigningTokens(self._signing_token, clock)
        self.database.listen(self._heard)
        delivery = self._delivery(clock)
        directory = AccountDirectory(self.vault)
        self.carriers = open_carriers(
            settings.messaging.carriers, settings.messaging.carrier_routes, self.database
        )
        self.address = PublicAddress(settings.messaging.public_url.rstrip("/"))
        buckets = Buckets(clock) if settings.sync.sync_limits else None
        manifests = products(settings, buckets)
        self.blobs = open_blobs(settings, self.database, manifests)
        context = Context(
            database=self.database,
            blobs=self.blobs,
            vault=self.vault,
            clock=clock,
            egress=self.egress,
            delivery=delivery,
            directory=directory,
            carriers=self.carriers,
            sandboxed=all(isinstance(carrier, Sandbox) for carrier in self.carriers.all),
            address=self.address,
            frame=event_frame,
        )
        self._products = [manifest.run(context) for manifest in manifests]
        self.components = [component for product in self._products for component in product.components]
        self.realtime = self._realtime(manifests, directory, clock)
        self.runner = Runner(self.database, self._handlers(delivery), clock)
        self._watch()
        self._draining: asyncio.Future[Any] | None = None
        self.application = self._application(directory, clock)

    def _realtime(self, manifests: Sequence[Manifest], directory: AccountDirectory, clock: Clock) -> Realtime:
        settings = self.settings.realtime
        passed_on = (kind for manifest in manifests for kind in manifest.announcements)
        cluster = Cluster(self.bus, self.vault, (*passed_on, EndpointOpened))
        cluster.subscribe(lambda announcement: self._heard([announcement]))
        return Realtime(
            RealtimeParts(
                database=self.database,
                directory=directory,
                vault=self.vault,
                clock=clock,
                cluster=cluster,
                routed=self._routed(manifests),
                limits=Connections(
                    origins=settings.browser_origins(),
                    max_connections=settings.max_connections,
                ),
            ),
            self._products,
        )

    def _delivery(self, clock: Clock) -> Delivery:
        webhooks = self.settings.webhooks
        options = DeliveryOptions(keep_days=webhooks.webhook_log_days, schedule=webhooks.retry_delays())
        return Delivery(
            self.database, self.egress, self.signing_tokens, clock, options, facade.record_webhook_alert
        )

    def _routed(self, manifests: Iterable[Manifest]) -> list[Product]:
        control = [operation for manifest in manifests for operation in manifest.control]
        products = [manifest.product for manifest in manifests]
        return [*products, control_product(self.health, self.carriers.all, control)]

    def _watch(self) -> None:
        for product in self._products:
            for gauge in product.gauges:
                self.metrics.watch(gauge.name, gauge.help, gauge.value)
        self.metrics.watch(
            "trunkline_jobs_running", "Jobs that run on this node.", lambda: self.runner.running
        )

    def _handlers(self, delivery: Delivery) -> dict[str, Handler]:
        handlers = {
            WEBHOOK: Handler(delivery.run_job, concurrency=400, per_lane=50),
            endpoints.KIND: endpoints.handler(self.database, self.realtime.presence.listeners),
            **job_handlers(self.carriers.all),
        }
        for product in self._products:
            handlers |= product.jobs
        return handlers

    def _application(self, directory: AccountDirectory, clock: Clock) -> ApiApplication:
        settings = self.settings
        return ApiApplication(
            HttpDoor(
                router=self.realtime.router,
                directory=directory,
                verifier=self.realtime.verifier,
                vault=self.vault,
                database=self.database,
                metrics=self.metrics,
                clock=clock,
                operator_token=self.operator_token,
                public=PublicPaths([door for product in self._products for door in product.public]),
                limits=HttpLimits(
                    settings.server.max_body_bytes,
                    settings.server.request_timeout,
                    settings.server.max_concurrent_requests,
                ),
                default_product=settings.server.default_product,
                trusted_proxies=settings.server.proxy_networks(),
                log_requests=settings.server.log_requests
                and settings.server.lowest_level in ("debug", "info"),
            )
        )

    async def start(self) -> facade.AccountCredentials:
        """Open the storage, connect the bus, see to the first account and to what fell due meanwhile. Raises
        StorageError, BusUnreachable, BadMasterKey; what was opened is closed again."""
        settings = self.settings
        await self.database.start()
        try:
            await facade.check_master_key(self.database, self.vault)
            await self.bus.start()
            first = await facade.first_account(
                self.database, self.vault, settings.accounts.account_sid, settings.accounts.auth_token
            )
            self.mutations.start()
            await self.blobs.start()
            await self.runner.start()
            await self.realtime.start()
            for component in self.components:
                await component.start()
        except BaseException:
            await self.stop()
            raise
        return first

    def _heard(self, events: list[Any]) -> None:
        if any(isinstance(event, CredentialRevoked) for event in events):
            self.signing_tokens.invalidate()

    async def _signing_token(self, account_sid: str) -> str | None:
        return await facade.signing_token(self.database, self.vault, account_sid)

    def drain(self) -> None:
        """Begin to stop: the node is no longer ready, and takes no more jobs while requests in flight are finished."""
        self.health.stopping = True
        self._draining = asyncio.gather(
            self.runner.stop(),
            *(begin() for product in self._products for begin in product.draining),
            return_exceptions=True,
        )

    async def stop(self) -> None:
        """Finish what was accepted and close."""
        for component in reversed(self.components):
            await component.stop()
        await self.realtime.stop()
        await self.mutations.stop()
        await self.blobs.stop()
        await self.runner.stop()
        await self.egress.close()
        await self.bus.stop()
        await self.database.stop()


def _open_egress(settings: Settings) -> Egress:
    if settings.server.dev:
        log.warning("development: webhooks may reach this machine and private networks")
    guard = AddressGuard(allow_private=settings.server.dev, allowed=settings.webhooks.reachable_networks())
    return Egress(guard, ca_file=settings.webhooks.egress_ca_file)
