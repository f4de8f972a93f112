"""A node: storage, bus, products and doors, without listeners."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from trunkline.api.control import Control as Answering
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.http import Application, Door, Limits
from trunkline.api.router import Router
from trunkline.app.messaging import Messaging
from trunkline.app.nodes import Nodes
from trunkline.app.parts import open_storage, open_vault, products
from trunkline.app.publics import Publics
from trunkline.app.realtime import Bounds, Realtime
from trunkline.control.carriers import Carriers
from trunkline.control.compliance import Compliance
from trunkline.control.domains import Domains
from trunkline.control.health import Control
from trunkline.control.opt_outs import OptOuts
from trunkline.control.webhooks import WebhookLog
from trunkline.core import mutations
from trunkline.core.bus import Bus, open_bus
from trunkline.core.clock import Clock, system_clock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.jobs.outcome import Handler
from trunkline.core.jobs.runner import Runner
from trunkline.core.telemetry import Metrics
from trunkline.core.webhooks.delivery import Delivery, Terms
from trunkline.core.webhooks.tokens import SigningTokens
from trunkline.core.webhooks.webhook import KIND as WEBHOOK
from trunkline.products.accounts import facade
from trunkline.products.accounts.directory import AccountDirectory
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.messaging.compliance.deactivation_files import DeactivationFiles
from trunkline.products.messaging.facade import PhoneBook, stock_sandbox
from trunkline.products.messaging.links.clicks import Clicks
from trunkline.products.messaging.media.serving import MediaFiles
from trunkline.products.messaging.media.short_links import ShortMediaLinks
from trunkline.products.sync import reachability
from trunkline.products.sync.expiry import Sweeper
from trunkline.products.sync.limits import Buckets
from trunkline.realtime.gateway import Limits as Connections
from trunkline.settings import Settings
from trunkline.transports.sandbox.inbox import Inbox

log = logging.getLogger("trunkline")


class Node:
    """One Trunkline process, short of its listeners."""

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.vault = open_vault(settings)
        self.database = open_storage(settings, clock)
        self.bus: Bus = open_bus(settings.server.nats_url)
        self.metrics = Metrics()
        self.control = Control(self.database, self.bus, self.metrics)
        self.sweeper = Sweeper(self.database, clock)
        self.alerts = facade.AlertSweeper(self.database, settings.accounts.alert_days)
        self.mutations = mutations.sweeper(self.database)
        if settings.server.dev:
            log.warning("development: webhooks may reach this machine and private networks")
        guard = AddressGuard(
            allow_private=settings.server.dev, allowed=settings.webhooks.reachable_networks()
        )
        self.egress = Egress(guard, ca_file=settings.webhooks.egress_ca_file)
        self.signing_tokens = SigningTokens(self._signing_token, clock)
        self.database.listen(self._heard)
        terms = Terms(keep_days=settings.webhooks.webhook_log_days, schedule=settings.webhooks.retry_delays())
        delivery = Delivery(self.database, self.egress, self.signing_tokens, clock, terms, facade.of_webhook)
        self.messaging = Messaging(settings, self.database, self.egress, delivery, clock)
        handlers = {
            WEBHOOK: Handler(delivery.run_job, concurrency=400, per_lane=50),
            reachability.KIND: reachability.handler(self.database),
            **self.messaging.handlers(),
        }
        self.runner = Runner(self.database, handlers, clock)
        self.metrics.watch(
            "trunkline_jobs_running", "Jobs that run on this node.", lambda: self.runner.running
        )
        self.metrics.watch(
            "trunkline_message_lanes", "Senders whose queue this node works on.", lambda: self.messaging.lanes
        )
        directory = AccountDirectory(self.vault)
        inboxes = [Inbox(self.database, directory, PhoneBook())] if self.messaging.has_sandbox else []
        self._controls: tuple[Answering, ...] = (
            WebhookLog(self.database, directory),
            Carriers(self.database, directory, self.messaging.carriers.all),
            Compliance(self.database, directory),
            Domains(self.database, directory, self.vault),
            OptOuts(self.database, directory),
            *inboxes,
            self.control,
        )
        self._draining: asyncio.Future[Any] | None = None
        buckets = Buckets(clock) if settings.sync.sync_limits else None
        nodes = Nodes(self.bus, self.vault)
        nodes.listen(lambda told: self._heard([told]))
        bounds = Bounds(
            Connections(
                origins=settings.realtime.browser_origins(), max_connections=settings.realtime.max_connections
            ),
            buckets,
        )
        self.realtime = Realtime(self.database, directory, self.vault, clock, nodes, bounds)
        self.application = self._application(directory, clock, buckets)

    def _application(self, directory: AccountDirectory, clock: Clock, buckets: Buckets | None) -> Application:
        settings = self.settings
        return Application(
            Door(
                router=Router(products(settings, buckets)),
                directory=directory,
                verifier=self.realtime.verifier,
                vault=self.vault,
                database=self.database,
                metrics=self.metrics,
                clock=clock,
                control=self._control,
                public=Publics(
                    (
                        MediaFiles(self.database, directory, protected=settings.messaging.protect_media),
                        ShortMediaLinks(self.database),
                        Clicks(self.database),
                        DeactivationFiles(self.database, self.vault, clock),
                    )
                ),
                limits=Limits(
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

    async def start(self) -> facade.Opened:
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
            if settings.messaging.sandbox_numbers and self.messaging.sandboxed:
                await stock_sandbox(self.database)
            await self.sweeper.start()
            await self.alerts.start()
            self.mutations.start()
            await self.runner.start()
            await self.realtime.start()
            await self.messaging.start()
        except BaseException:
            await self.stop()
            raise
        return first

    def _heard(self, events: list[Any]) -> None:
        if any(isinstance(event, CredentialRevoked) for event in events):
            self.signing_tokens.forget()

    async def _signing_token(self, account_sid: str) -> str | None:
        return await facade.signing_token(self.database, self.vault, account_sid)

    async def _control(self, request: ControlRequest) -> ControlAnswer | None:
        for control in self._controls:
            if answer := await control(request):
                return answer
        return None

    def drain(self) -> None:
        """Begin to stop: the node is no longer ready, and takes no more jobs while requests in flight are finished."""
        self.control.stopping = True
        self._draining = asyncio.gather(self.runner.stop(), self.messaging.stop(), return_exceptions=True)

    async def stop(self) -> None:
        """Finish what was accepted and close."""
        await self.messaging.stop()
        await self.realtime.stop()
        await self.sweeper.stop()
        await self.alerts.stop()
        await self.mutations.stop()
        await self.runner.stop()
        await self.egress.close()
        await self.bus.stop()
        await self.database.stop()
