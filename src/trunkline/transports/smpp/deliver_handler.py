"""The handler of deliver_sm and data_sm: a receipt or a message for the listener, or a segment of a long message.

The status that ``handle`` returns is sent to the SMSC only once the effect is durable. A message that could not be
stored is rejected for now, so that the SMSC sends it again; one that cannot be read is rejected for good.
"""

from __future__ import annotations

import logging

from trunkline.core.clock import SECOND, Clock
from trunkline.transports.base import CarrierListener, InboundMessage
from trunkline.transports.smpp.commands import CommandStatus
from trunkline.transports.smpp.deliver_sm import (
    Concatenation,
    MobileMessage,
    ReceiptMessage,
    UnreadableMessage,
    parse,
)
from trunkline.transports.smpp.pdu_bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.reassembly import complete, join, segment_of
from trunkline.transports.smpp.receipts import Dialect, IdBase, parse_receipt
from trunkline.transports.smpp.segment_store import SegmentStore
from trunkline.transports.smpp.settings import SmppRoute

log = logging.getLogger("trunkline.smpp")


class DeliverHandler:
    """The handler of one route."""

    def __init__(
        self, route: SmppRoute, listener: CarrierListener, segments: SegmentStore, clock: Clock
    ) -> None:
        self._route = route
        self._listener = listener
        self._store = segments
        self._clock = clock
        self._dialect = Dialect(route.name, IdBase(route.id_base), route.receipt_error_table)

    async def handle(self, body: ShortMessage | DataMessage) -> CommandStatus:
        """Handle a message of the SMSC, and return the status to respond with."""
        try:
            found = parse(body, self._route)
        except UnreadableMessage as error:
            log.warning("%s: a message from %s cannot be read: %s", self._route.name, body.source, error)
            return CommandStatus.RX_P_APPN
        try:
            if isinstance(found, ReceiptMessage):
                await self._receipt(found)
            elif isinstance(found, MobileMessage):
                await self._mobile(found)
            else:
                log.info("%s: a handset's acknowledgement from %s", self._route.name, body.source)
        except Exception:
            log.exception(
                "%s: a message of the SMSC could not be stored; it is requested again", self._route.name
            )
            return CommandStatus.RX_T_APPN
        return CommandStatus.ROK

    async def flush_stale(self) -> None:
        """Pass on incomplete messages whose missing segments are overdue."""
        before = self._clock() - int(self._route.parts_timeout * SECOND)
        for segments in await self._store.stale(self._route.name, before):
            log.warning(
                "%s: segments of a message from %s never came", self._route.name, segments[0].key.sender
            )
            await self._listener.inbound(join(segments))
            await self._store.remove(segments[0].key)

    async def _receipt(self, report: ReceiptMessage) -> None:
        receipt = parse_receipt(report.text, report.parameters, self._dialect)
        if receipt is None:
            log.warning("%s: a receipt without id or state: %.200r", self._route.name, report.text)
            return
        await self._listener.receipt(receipt)

    async def _mobile(self, mobile: MobileMessage) -> None:
        if mobile.concatenation is None:
            await self._listener.inbound(
                InboundMessage(self._route.name, mobile.sender, mobile.recipient, mobile.text)
            )
        else:
            await self._segment(mobile, mobile.concatenation)

    async def _segment(self, mobile: MobileMessage, concatenation: Concatenation) -> None:
        segment = segment_of(self._route.name, mobile, concatenation, self._clock())
        stored = await self._store.add(segment)
        if complete(stored):
            await self._listener.inbound(join(stored))
            await self._store.remove(segment.key)
