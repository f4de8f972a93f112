"""A message through a Service gets its sender: the choice, the rules that may refuse it, and its text on the air."""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging import services
from trunkline.products.messaging.compliance.enforcement import Enforcement, refusal
from trunkline.products.messaging.lifecycle import queue
from trunkline.products.messaging.lifecycle.lanes import QueueFull, rate_of
from trunkline.products.messaging.lifecycle.message import Message, Status, encode_options, find_message
from trunkline.products.messaging.lifecycle.queue import Queued
from trunkline.products.messaging.lifecycle.states import fail, move
from trunkline.products.messaging.links.shortening import ShorteningFailed, shorten
from trunkline.products.messaging.media.links import as_text
from trunkline.products.messaging.numbers.owned import owned_by_account
from trunkline.products.messaging.numbers.parsing import channel_of, region_of
from trunkline.products.messaging.opt_outs.blocks import is_blocked, scope_of
from trunkline.products.messaging.senders import sticky
from trunkline.products.messaging.senders.choice import NO_SENDER, Candidate, SenderKind, Wish, choose
from trunkline.products.messaging.senders.pool import PoolSender, pool_of
from trunkline.products.messaging.sending.accept import enter_lane
from trunkline.products.messaging.services import Service
from trunkline.transports.base import Carriers

log = logging.getLogger("trunkline.messaging")

SUSPENDED = 30002
NO_SERVICE = 21701
OPTED_OUT = 21610
QUEUE_FULL = 30001
NO_MMS = 30011
NOT_IN_SERVICE = 21711


class Refusal(Exception):
    """The message fails with this error code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Chooser:
    """Chooses senders; ``enforcement`` are the operator's rules for traffic to the US."""

    def __init__(self, carriers: Carriers, address: PublicAddress, enforcement: Enforcement) -> None:
        self._carriers = carriers
        self._address = address
        self._enforcement = enforcement

    async def choose(self, tx: Tx, queued: Queued) -> None:
        """Give the message its sender and its place in that sender's lane, or let it fail."""
        message = await find_message(tx, queued.account_sid, queued.message_sid)
        if message is None:
            return
        try:
            await self._choose(tx, message, queued)
        except Refusal as refusal:
            await fail(tx, message, refusal.code)

    async def _choose(self, tx: Tx, message: Message, queued: Queued) -> None:
        if not await accounts.is_active(tx, message.account_sid):
            raise Refusal(SUSPENDED)
        service = await services.find(tx, message.account_sid, message.service_sid or "")
        if service is None:
            raise Refusal(NO_SERVICE)
        scope = scope_of(service.sid, "")
        if not message.asked.automatic and await is_blocked(
            tx, message.account_sid, scope, message.recipient
        ):
            raise Refusal(OPTED_OUT)
        sender = await self._sender(tx, message, service)
        chosen = msgspec.structs.replace(message, sender=sender.value)
        await self._comply(tx, chosen)
        chosen = await self._compose(tx, chosen, service, sender.carrier)
        smart = message.asked.smart_encoded
        try:
            chosen, placed = await enter_lane(
                tx,
                chosen,
                queued,
                smart=service.smart_encoding if smart is None else smart,
                rate=rate_of(sender.number_kind or "alpha", sender.country, sender.rate),
            )
        except QueueFull:
            raise Refusal(QUEUE_FULL) from None
        await queue.change(tx, placed)
        await move(
            tx,
            message,
            Status.QUEUED,
            sender=chosen.sender,
            num_segments=chosen.num_segments,
            options=chosen.options,
        )

    async def _sender(self, tx: Tx, message: Message, service: Service) -> PoolSender:
        """The one that the message names, or the choice among the pool."""
        pool = await pool_of(tx, message.account_sid, service.sid)
        if message.sender is not None:
            found = next((one for one in pool if one.value == message.sender), None)
            if found is None:
                raise Refusal(NOT_IN_SERVICE)
            if self._wish(message, service, None).needs_mms and not found.mms:
                raise Refusal(NO_SENDER)
            return found
        channel = channel_of(message.recipient).value
        kept = await sticky.mapping(tx, service.sid, channel, message.recipient)
        wish = self._wish(message, service, kept.sender_sid if kept and service.sticky_sender else None)
        choice = choose([_candidate(one) for one in pool], wish)
        if choice.forget and kept is not None:
            await sticky.forget(tx, service.sid, channel, message.recipient)
            kept = None
        if choice.sender is None:
            raise Refusal(NO_SENDER)
        if kept is None:
            await sticky.remember(tx, message, channel, choice.sender.sid, choice.sender.value)
        return next(one for one in pool if one.sid == choice.sender.sid)

    def _wish(self, message: Message, service: Service, kept: str | None) -> Wish:
        carrier = self._carriers.route("", message.recipient, "")
        carried = carrier is not None and carrier.carries_media(message.recipient)
        return Wish(
            recipient=message.recipient,
            country=region_of(message.recipient),
            media=message.num_media > 0 or message.asked.send_as_mms,
            converts=service.mms_converter and not carried,
            area_code_geomatch=service.area_code_geomatch,
            sticky=kept,
        )

    async def _comply(self, tx: Tx, message: Message) -> None:
        if self._enforcement == Enforcement():
            return
        owned = await owned_by_account(tx, message.account_sid, message.sender or "")
        code = await refusal(
            tx,
            message.account_sid,
            message.service_sid,
            owned,
            region_of(message.recipient),
            self._enforcement,
        )
        if code is not None:
            raise Refusal(code)

    async def _compose(self, tx: Tx, message: Message, service: Service, preferred: str) -> Message:
        """The text on the air where it is not the body: with short links, or with links to the attachments of an MMS
        that no carrier takes (doc)."""
        asked = message.asked
        if asked.shorten_urls:
            try:
                asked = msgspec.structs.replace(asked, sent_body=await shorten(tx, message, message.body))
            except ShorteningFailed as failed:
                raise Refusal(failed.code) from None
        if message.num_media > 0 or asked.send_as_mms:
            carrier = self._carriers.route(message.sender or "", message.recipient, preferred)
            if carrier is None or not carrier.carries_media(message.recipient):
                if not service.mms_converter:
                    raise Refusal(NO_MMS)
                text = await as_text(
                    tx, message.account_sid, message.sid, asked.sent_body or message.body, self._address.url
                )
                asked = msgspec.structs.replace(asked, sent_body=text, as_sms=True)
        return msgspec.structs.replace(message, options=encode_options(asked))


def _candidate(one: PoolSender) -> Candidate:
    alpha = one.kind in (SenderKind.ALPHA.value, SenderKind.DESTINATION_ALPHA.value)
    return Candidate(
        sid=one.sid,
        kind=SenderKind(one.kind),
        value=one.value,
        country=(one.iso_country_code or "") if alpha else one.country,
        sms=one.sms,
        mms=one.mms,
        toll_free=one.number_kind == "toll-free",
        queued=one.queued,
        last_used=one.last_used,
    )
