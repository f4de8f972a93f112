"""What becomes of a deliver_sm: a receipt or a message for the receiver, or a part that waits for the others.

The status that ``hear`` answers goes to the SMSC only when the effect is durable. What could not be made so is refused
for now, so that it is sent again; what nobody will ever understand is refused for good.
"""

from __future__ import annotations

import logging

from trunkline.core.clock import SECOND, Clock
from trunkline.transports.base import Inbound, Receiver
from trunkline.transports.smpp import inbound, receipts
from trunkline.transports.smpp.bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.commands import Status
from trunkline.transports.smpp.inbound import Mobile, Place, Report, Unreadable
from trunkline.transports.smpp.parts import PartStore
from trunkline.transports.smpp.reassembly import complete, join, part_of
from trunkline.transports.smpp.receipts import Dialect, IdBase
from trunkline.transports.smpp.settings import SmppRoute

log = logging.getLogger("trunkline.smpp")


class Hearing:
    """Hears for one route."""

    def __init__(self, route: SmppRoute, receiver: Receiver, parts: PartStore, clock: Clock) -> None:
        self._route = route
        self._receiver = receiver
        self._parts = parts
        self._clock = clock
        self._dialect = Dialect(route.name, IdBase(route.id_base), route.receipt_error_table)

    async def hear(self, body: ShortMessage | DataMessage) -> Status:
        """Take what the SMSC told; answers what it is told back."""
        try:
            found = inbound.read(body, self._route)
        except Unreadable as error:
            log.warning("%s: a message from %s cannot be read: %s", self._route.name, body.source, error)
            return Status.RX_P_APPN
        try:
            if isinstance(found, Report):
                await self._receipt(found)
            elif isinstance(found, Mobile):
                await self._mobile(found)
            else:
                log.info("%s: a handset's acknowledgement from %s", self._route.name, body.source)
        except Exception:
            log.exception(
                "%s: what the SMSC told could not be kept; it is to send it again", self._route.name
            )
            return Status.RX_T_APPN
        return Status.ROK

    async def give_up_stale(self) -> None:
        """Hand on what there is of messages whose other parts do not come."""
        before = self._clock() - int(self._route.parts_timeout * SECOND)
        for parts in await self._parts.stale(self._route.name, before):
            log.warning("%s: parts of a message from %s never came", self._route.name, parts[0].key.sender)
            await self._receiver.inbound(join(parts))
            await self._parts.forget(parts[0].key)

    async def _receipt(self, report: Report) -> None:
        receipt = receipts.read(report.text, report.parameters, self._dialect)
        if receipt is None:
            log.warning("%s: a receipt without id or state: %.200r", self._route.name, report.text)
            return
        await self._receiver.receipt(receipt)

    async def _mobile(self, mobile: Mobile) -> None:
        if mobile.place is None:
            await self._receiver.inbound(
                Inbound(self._route.name, mobile.sender, mobile.recipient, mobile.text)
            )
        else:
            await self._part(mobile, mobile.place)

    async def _part(self, mobile: Mobile, place: Place) -> None:
        part = part_of(self._route.name, mobile, place, self._clock())
        kept = await self._parts.keep(part)
        if complete(kept):
            await self._receiver.inbound(join(kept))
            await self._parts.forget(part.key)
