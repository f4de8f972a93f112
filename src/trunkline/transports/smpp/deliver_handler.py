"""The handler of deliver_sm and data_sm: a receipt or a message for the listener, or a segment of a long message.

1. The status that ``handle`` returns is sent to the SMSC only once the effect is durable. A message that could not be
   stored is rejected for now, so that the SMSC sends it again; none is rejected for good.
2. A receipt that cannot be read is logged with its octets, and is a problem for the operator; it is acknowledged, since
   it would not become readable.
3. A text in the form of a receipt that is not announced as one is a receipt if a message waits for it, to the phone
   that it is from and from the number that it is to; and else a person's text: anybody can write one. Since a receipt
   may overtake the response with its id, that is asked twice.
"""

from __future__ import annotations

import asyncio
import logging

from trunkline.core.clock import SECOND, Clock
from trunkline.core.outages import FrequentEvent
from trunkline.core.storage.database import LOGGED_ONCE
from trunkline.transports.base import CarrierListener, CarrierProblem, InboundMessage, Receipt
from trunkline.transports.smpp.commands import CommandStatus
from trunkline.transports.smpp.deliver_sm import Concatenation, MobileMessage, ReceiptMessage, parse
from trunkline.transports.smpp.pdu_bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.reassembly import complete, join, repeated, segment_of
from trunkline.transports.smpp.receipts import Dialect, IdBase, parse_receipt
from trunkline.transports.smpp.segment_store import MEMORY, REPEATED, SegmentStore
from trunkline.transports.smpp.settings import SmppRoute

log = logging.getLogger("trunkline.smpp")

_SHOWN = 300
"""Octets of an unreadable receipt that are logged."""


class DeliverHandler:
    """The handler of one route. ``patience`` is the seconds for which a text that looks like a receipt waits for a
    message that it is for."""

    def __init__(
        self,
        route: SmppRoute,
        listener: CarrierListener,
        segments: SegmentStore,
        clock: Clock,
        patience: float = 1.0,
    ) -> None:
        self._route = route
        self._listener = listener
        self._store = segments
        self._clock = clock
        self._patience = patience
        self._unread = FrequentEvent(log)
        self._unreported = FrequentEvent(log)
        self._dialect = Dialect(route.name, IdBase(route.id_base), route.receipt_error_table)

    async def handle(self, body: ShortMessage | DataMessage) -> CommandStatus:
        """Handle a message of the SMSC, and return the status to respond with."""
        try:
            await self._handle(body)
        except LOGGED_ONCE:
            return CommandStatus.RX_T_APPN
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
            key = segments[0].key
            if repeated(segments, await self._store.passed(key, self._clock() - MEMORY)):
                log.info("%s: segments of a message from %s came again", self._route.name, key.sender)
            else:
                log.warning("%s: segments of a message from %s never came", self._route.name, key.sender)
                await self._listener.inbound(join(segments))
            await self._store.close(segments, self._clock())

    async def report(self, text: str) -> None:
        """Report a problem of the route; log it if that is not possible now."""
        try:
            await self._listener.problem(CarrierProblem(self._route.name, text))
        except LOGGED_ONCE:
            self._unreported.happened("%s: %s", self._route.name, text)
        except Exception:
            log.exception("%s: a problem could not be reported: %s", self._route.name, text)

    async def _handle(self, body: ShortMessage | DataMessage) -> None:
        found = parse(body, self._route)
        if isinstance(found, ReceiptMessage):
            await self._receipt(found)
        elif found.receipt is not None and (receipt := await self._awaited(found.receipt)) is not None:
            await self._listener.receipt(receipt)
        elif not isinstance(found, MobileMessage):
            log.info("%s: a handset's acknowledgement from %s", self._route.name, body.source)
        elif found.concatenation is not None:
            await self._segment(found, found.concatenation)
        else:
            await self._listener.inbound(
                InboundMessage(self._route.name, found.sender, found.recipient, found.text)
            )

    async def _receipt(self, report: ReceiptMessage) -> None:
        receipt = self._parse(report)
        if receipt is not None:
            await self._listener.receipt(receipt)
            return
        octets = report.octets[:_SHOWN].hex()
        self._unread.happened(
            "%s: a receipt for a message from %s cannot be read: it has no id; its octets: %s; its parameters: %s",
            self._route.name,
            report.number,
            octets,
            {f"0x{tag:04X}": value[:_SHOWN].hex() for tag, value in report.parameters.items()},
        )
        text = f"A delivery receipt cannot be read, and its message stays sent: it has no id. Its octets: {octets}"
        await self._listener.problem(CarrierProblem(self._route.name, text, report.number))

    async def _awaited(self, report: ReceiptMessage) -> Receipt | None:
        """Return the receipt that a text is if a message waits for it."""
        receipt = self._parse(report)
        if receipt is None or await self._listener.awaits(receipt, report.phone, report.number):
            return receipt
        await asyncio.sleep(self._patience)
        return receipt if await self._listener.awaits(receipt, report.phone, report.number) else None

    def _parse(self, report: ReceiptMessage) -> Receipt | None:
        return parse_receipt(report.found, report.parameters, self._dialect, intermediate=report.intermediate)

    async def _segment(self, mobile: MobileMessage, concatenation: Concatenation) -> None:
        segment = segment_of(self._route.name, mobile, concatenation, self._clock())
        stored = await self._store.add(segment)
        if not stored:
            log.info("%s: a segment of a message from %s came again", self._route.name, mobile.sender)
            return
        if not complete(stored):
            return
        if repeated(stored, await self._store.passed(segment.key, segment.received - REPEATED)):
            log.info("%s: a message from %s came again", self._route.name, mobile.sender)
        else:
            await self._listener.inbound(join(stored))
        await self._store.close(stored, self._clock())
