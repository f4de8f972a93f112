"""Messaging put together: carriers, the dispatcher that feeds them, the inbox they tell, and the jobs between."""

from __future__ import annotations

import asyncio

import msgspec

from trunkline.app.carriers import open_carriers
from trunkline.app.parts import messaging_policy
from trunkline.core.clock import Clock
from trunkline.core.egress.client import Egress
from trunkline.core.jobs.outcome import Handler
from trunkline.core.sids import new_token
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Database
from trunkline.core.webhooks.delivery import Delivery
from trunkline.products.messaging.compliance.enforcement import Enforcement
from trunkline.products.messaging.media.links import Address
from trunkline.products.messaging.receiving import inbox
from trunkline.products.messaging.receiving.conversation import Ground as Receiving
from trunkline.products.messaging.sending import accept
from trunkline.products.messaging.sending.dispatcher import Dispatcher
from trunkline.products.messaging.sending.ground import Ground
from trunkline.products.messaging.sending.media_fetching import Fetcher
from trunkline.products.messaging.sending.outcomes import Settling
from trunkline.products.messaging.sending.pace import Paces
from trunkline.products.messaging.sending.prices import Price, Prices
from trunkline.products.messaging.sending.selection import Chooser
from trunkline.settings import Settings
from trunkline.settings.values import BadSetting
from trunkline.transports.base import Inbound, Receipt
from trunkline.transports.sandbox.carrier import JOB as PHONE
from trunkline.transports.sandbox.carrier import Sandbox


class Messaging:
    """Sends and receives on one node; implements ``Receiver`` for its carriers."""

    def __init__(
        self, settings: Settings, database: Database, egress: Egress, delivery: Delivery, clock: Clock
    ) -> None:
        self.address = Address(settings.messaging.public_url.rstrip("/"))
        self.carriers = open_carriers(settings, database)
        enforcement = Enforcement(
            a2p=settings.messaging.a2p_enforced,
            caps=settings.messaging.a2p_caps,
            number_minutes=settings.messaging.a2p_number_minutes,
            tollfree=settings.messaging.tollfree_enforced,
        )
        prices = open_prices(settings)
        self._ground = Ground(
            database=database,
            clock=clock,
            carriers=self.carriers,
            node=new_token(),
            ends=BatchWriter(database, Settling(prices).settle),
            paces=Paces(settings.messaging.account_rate, settings.messaging.service_rate),
            address=self.address,
            enforcement=enforcement,
            prices=prices,
        )
        chooser = Chooser(self.carriers, self.address, enforcement)
        self._dispatcher = Dispatcher(self._ground, chooser.choose)
        self._fetcher = Fetcher(database, egress)
        self._stopping: asyncio.Task[None] | None = None
        rules = messaging_policy(settings).rules
        self._inbox = inbox.Inbox(Receiving(database, delivery, clock, rules), self.address)

    def listens_at(self, url: str) -> None:
        """The server's own address counts where the operator named no other."""
        self.address.url = self.address.url or url

    @property
    def lanes(self) -> int:
        """Senders whose queue this node works on."""
        return self._dispatcher.lanes

    @property
    def sandboxed(self) -> bool:
        """Whether nothing leaves this machine."""
        return all(isinstance(carrier, Sandbox) for carrier in self.carriers.all)

    @property
    def has_sandbox(self) -> bool:
        """Whether there are virtual phones."""
        return any(isinstance(carrier, Sandbox) for carrier in self.carriers.all)

    def wake(self) -> None:
        """Look for messages that are due now: for whoever moves the clock."""
        self._dispatcher.wake()

    def handlers(self) -> dict[str, Handler]:
        """The jobs that Messaging runs, by kind."""
        handlers = {
            inbox.JOB: self._inbox.handler(),
            accept.MEDIA: self._fetcher.handler(),
        }
        for carrier in self.carriers.all:
            if isinstance(carrier, Sandbox):
                handlers[PHONE] = carrier.handler()
        return handlers

    async def receipt(self, receipt: Receipt) -> None:
        """A carrier tells what became of a part."""
        await self._dispatcher.receipt(receipt)

    async def inbound(self, inbound: Inbound) -> None:
        """A carrier tells of a message from a phone."""
        await self._inbox.inbound(inbound)

    async def start(self) -> None:
        """Begin to connect and to send, with what was left behind. Raises StorageError."""
        for carrier in self.carriers.all:
            await carrier.start(self)
        await self._dispatcher.start()

    async def stop(self) -> None:
        """Take nothing more, let what is under way end within 3 s, and close the carriers within another 5 s. May be
        called again, also while the first call is under way."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        await self._dispatcher.stop()
        await asyncio.gather(*(carrier.stop() for carrier in self.carriers.all))
        await self._dispatcher.let_go()


def open_prices(settings: Settings) -> Prices:
    """The operator's prices. Raises BadSetting."""
    try:
        return Prices([msgspec.convert(table, Price) for table in settings.messaging.prices])
    except msgspec.ValidationError as error:
        raise BadSetting(f"prices: {error}") from None
