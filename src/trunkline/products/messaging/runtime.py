"""Messaging on a node: the dispatcher feeds the carriers, a handler stores what they receive, jobs connect the two.

1. Carriers call ``Messaging`` back with receipts and inbound messages. Each call returns when its effect is durable; if
   it raises, the carrier lets the network deliver the event again.
2. The results of hand-overs are written in batches, by one writer that all lanes of the node share.
3. On ``stop`` the dispatcher takes no more messages and lets hand-overs end within 3 s, and the carriers close within
   another 5 s. Only then are the lanes released to other nodes: a carrier may still report the outcome of a hand-over
   while it closes.
4. One task runs the stop. ``stop`` may be called several times, also at once; every call waits for that task, and a
   cancelled caller does not cancel it.
"""

from __future__ import annotations

import asyncio
import logging

from trunkline.core.clock import steady_clock
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.sids import new_token
from trunkline.core.storage.batch import BatchWriter
from trunkline.products.manifest import Context, GaugeValue, Runtime
from trunkline.products.messaging.compliance.deactivations import DeactivationFiles
from trunkline.products.messaging.compliance.enforcement import Enforcement
from trunkline.products.messaging.links.clicks import Clicks
from trunkline.products.messaging.links.own_hosts import OwnHosts
from trunkline.products.messaging.media.addresses import ShortMediaAddresses
from trunkline.products.messaging.media.moving import MOVE_JOB, MediaMover
from trunkline.products.messaging.media.serving import MediaFiles
from trunkline.products.messaging.numbers.sandbox_numbers import stock_sandbox
from trunkline.products.messaging.policy import read_rules
from trunkline.products.messaging.receiving.conversation import ReceivingContext
from trunkline.products.messaging.receiving.inbound import INBOUND_JOB, InboundHandler
from trunkline.products.messaging.sending import accept, receipt_handling
from trunkline.products.messaging.sending.carrier_problems import CarrierProblems
from trunkline.products.messaging.sending.context import SendingContext
from trunkline.products.messaging.sending.dispatcher import Dispatcher
from trunkline.products.messaging.sending.handover_results import ResultRecorder, order_of
from trunkline.products.messaging.sending.media_fetching import MediaFetcher
from trunkline.products.messaging.sending.prices import Prices
from trunkline.products.messaging.sending.sender_assignment import SenderSelector
from trunkline.products.messaging.sending.shared_rates import SharedRates
from trunkline.products.messaging.sending.unmatched_receipts import UnmatchedReceipts
from trunkline.settings.messaging import MessagingSettings
from trunkline.transports.base import CarrierProblem, InboundMessage, Receipt

log = logging.getLogger("trunkline.messaging")


class Messaging:
    """Sending and receiving on one node. It implements ``CarrierListener`` for its carriers and ``Component``."""

    def __init__(self, settings: MessagingSettings, own: OwnHosts, context: Context) -> None:
        self.carriers = context.carriers
        self._database = context.database
        self._stocks = settings.sandbox_numbers and context.sandboxed
        enforcement = Enforcement(
            a2p=settings.a2p_enforced,
            caps=settings.a2p_caps,
            number_minutes=settings.a2p_number_minutes,
            tollfree=settings.tollfree_enforced,
        )
        prices, rules = Prices(settings.prices), read_rules(settings)
        self._context = SendingContext(
            database=context.database,
            clock=context.clock,
            steady=steady_clock,
            carriers=self.carriers,
            node=new_token(),
            results=BatchWriter(
                "results of hand-overs", context.database, ResultRecorder(prices).record, log, order_of
            ),
            shared_rates=SharedRates(settings.account_rate, settings.service_rate),
            address=context.address,
            enforcement=enforcement,
            prices=prices,
        )
        chooser = SenderSelector(self.carriers, context.address, enforcement, own, rules)
        self._dispatcher = Dispatcher(self._context, chooser.choose_sender)
        self._fetcher = MediaFetcher(context.database, context.blobs, context.egress)
        receiving = ReceivingContext(context.database, context.delivery, context.clock, rules)
        self._inbound = InboundHandler(receiving, context.blobs, context.address)
        self._problems = CarrierProblems(context.database, context.clock)
        self.unmatched_receipts = UnmatchedReceipts(context.database, context.clock, self.problem)
        self._stopping: asyncio.Task[None] | None = None

    @property
    def lanes(self) -> int:
        """The number of senders whose queue this node works on."""
        return self._dispatcher.lanes

    def wake(self) -> None:
        """Find messages that are due now, after the clock was moved."""
        self._dispatcher.wake()

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers of Messaging's jobs, by kind."""
        return {INBOUND_JOB: self._inbound.handler(), accept.MEDIA_JOB: self._fetcher.handler()}

    async def receipt(self, receipt: Receipt) -> None:
        """Record a carrier's receipt for a part."""
        await self._dispatcher.receipt(receipt)

    async def awaits(self, receipt: Receipt, phone: str, number: str) -> bool:
        """Return whether a message waits for a receipt. Raise StorageError if the storage is unavailable."""
        return await self._database.read(lambda tx: receipt_handling.is_awaited(tx, receipt, phone, number))

    async def inbound(self, inbound: InboundMessage) -> bool:
        """Store a message from a phone; return False if it is dropped."""
        return await self._inbound.inbound(inbound)

    async def problem(self, problem: CarrierProblem) -> None:
        """Raise an Alert for a problem of a carrier."""
        await self._problems.report(problem)

    async def start(self) -> None:
        """Fill the sandbox's inventory, connect the carriers and begin to send. Raise StorageError if the database
        cannot be used."""
        if self._stocks:
            await stock_sandbox(self._database)
        for carrier in self.carriers.all:
            await carrier.start(self)
        await self._dispatcher.start()
        self.unmatched_receipts.start()

    async def stop(self) -> None:
        """Stop sending within 3 s, and close the carriers within another 5 s. May be called several times, also at
        once."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        await self.unmatched_receipts.stop()
        await self._dispatcher.stop()
        await asyncio.gather(*(carrier.stop() for carrier in self.carriers.all))
        await self._dispatcher.release_lanes()


def run(settings: MessagingSettings, own: OwnHosts, context: Context) -> Runtime:
    """Return Messaging on a node."""
    messaging = Messaging(settings, own, context)
    mover = MediaMover(context.database, context.blobs)
    return Runtime(
        jobs=messaging.handlers() | {MOVE_JOB: mover.handler()},
        public=(
            MediaFiles(context.database, context.blobs, context.directory, protected=settings.protect_media),
            ShortMediaAddresses(context.database, context.blobs),
            Clicks(context.database, own),
            DeactivationFiles(context.database, context.vault, context.clock),
        ),
        components=(messaging, mover),
        draining=(messaging.stop,),
        gauges=(
            GaugeValue(
                "trunkline_message_lanes",
                "Senders whose queue this node works on.",
                lambda: messaging.lanes,
            ),
        ),
    )
