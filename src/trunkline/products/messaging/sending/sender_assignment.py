"""The step of a message through a Service: first the choice of its sender and its text on the air, then its place in
that sender's lane. A transaction chooses for all its messages before the first takes its place, so that it changes the
lanes in one order, and those of chosen senders only.
"""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.core.storage.retention import DAY
from trunkline.products.accounts import facade as accounts
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging import services
from trunkline.products.messaging.compliance.enforcement import Enforcement, enforcement_error
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.error_texts import (
    ACCOUNT_SUSPENDED,
    NO_MMS,
    OPTED_OUT,
    QUEUE_FULL,
)
from trunkline.products.messaging.lifecycle.lanes import QueueFull, lane_rate
from trunkline.products.messaging.lifecycle.message import (
    Message,
    MessageStatus,
    encode_options,
)
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry
from trunkline.products.messaging.lifecycle.status_changes import change_status, fail_message
from trunkline.products.messaging.links.own_hosts import OwnHosts
from trunkline.products.messaging.links.shortening import ShorteningFailed, shorten
from trunkline.products.messaging.media.addresses import as_text
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.numbers.parsing import channel_of, region_of
from trunkline.products.messaging.opt_outs.blocks import is_blocked, scope_of
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.senders import sticky
from trunkline.products.messaging.senders.candidates import AddedLoad, PoolSender, pool_of
from trunkline.products.messaging.senders.sender_choice import (
    NO_SENDER,
    Candidate,
    PoolSenderKind,
    SenderRequest,
    choose_sender,
)
from trunkline.products.messaging.sending.accept import UnplacedMessage, compose_message, enter_lane
from trunkline.products.messaging.services import MessagingService
from trunkline.transports.base import Carriers

log = logging.getLogger("trunkline.messaging")

NO_SERVICE = 21701
NOT_IN_SERVICE = 21711


class SelectionFailed(Exception):
    """The error that fails the message with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class AssignedMessage(msgspec.Struct, frozen=True):
    """A message as it is stored, and as it is with its sender."""

    message: Message
    composed: UnplacedMessage


class SenderSelector:
    """The selector of senders; ``enforcement`` holds the operator's rules for traffic to the US, ``own`` the hosts over
    which no short link leads."""

    def __init__(
        self,
        carriers: Carriers,
        address: PublicAddress,
        enforcement: Enforcement,
        own: OwnHosts,
        rules: MessageRules,
    ) -> None:
        self._carriers = carriers
        self._address = address
        self._enforcement = enforcement
        self._own = own
        self._rules = rules

    async def choose_sender(
        self, tx: Tx, message: Message, entry: QueueEntry, load: AddedLoad
    ) -> AssignedMessage | None:
        """Return the message with its sender, and add that to the load; or fail it and return None."""
        try:
            return AssignedMessage(message, await self._choose(tx, message, entry, load))
        except SelectionFailed as failed:
            await fail_message(tx, message, failed.code)
            return None

    async def _choose(self, tx: Tx, message: Message, entry: QueueEntry, load: AddedLoad) -> UnplacedMessage:
        if not await accounts.is_active(tx, message.account_sid):
            raise SelectionFailed(ACCOUNT_SUSPENDED)
        service = await services.find_service(tx, message.account_sid, message.service_sid or "")
        if service is None:
            raise SelectionFailed(NO_SERVICE)
        scope = scope_of(service.sid, "")
        if not message.parsed_options.automatic and await is_blocked(
            tx, message.account_sid, scope, message.recipient
        ):
            raise SelectionFailed(OPTED_OUT)
        sender = await self._sender(tx, message, service, load)
        chosen = msgspec.structs.replace(message, sender=sender.value)
        await self._comply(tx, chosen)
        chosen = await self._compose(tx, chosen, service, sender.carrier)
        smart = message.parsed_options.smart_encoded
        composed = compose_message(
            chosen,
            entry,
            smart=service.smart_encoding if smart is None else smart,
            rate=lane_rate(sender.number_kind or "alpha", sender.country, sender.rate),
            lacked=self._rules.lacked_characters(sender.value, message.recipient, sender.carrier),
        )
        load.add(message.account_sid, sender, composed.entry.segments, tx.now)
        return composed

    async def _sender(
        self, tx: Tx, message: Message, service: MessagingService, load: AddedLoad
    ) -> PoolSender:
        """Return the sender that the message names, else the choice from the pool."""
        pool = load.counted(message.account_sid, await pool_of(tx, message.account_sid, service.sid))
        if message.sender is not None:
            found = next((one for one in pool if one.value == message.sender), None)
            if found is None:
                raise SelectionFailed(NOT_IN_SERVICE)
            if self._request(message, service, None).needs_mms and not found.mms:
                raise SelectionFailed(NO_SENDER)
            return found
        channel = channel_of(message.recipient).value
        kept = await sticky.find_sticky_sender(tx, service.sid, channel, message.recipient)
        request = self._request(message, service, kept.sender_sid if kept and service.sticky_sender else None)
        choice = choose_sender([_candidate(one) for one in pool], request)
        if choice.forget and kept is not None:
            await sticky.delete_sticky_sender(tx, service.sid, channel, message.recipient)
            kept = None
        if choice.sender is None:
            raise SelectionFailed(NO_SENDER)
        if kept is None or kept.last_used < tx.now - DAY:
            await sticky.store_sticky_sender(tx, message, channel, choice.sender.sid, choice.sender.value)
        return next(one for one in pool if one.sid == choice.sender.sid)

    def _request(self, message: Message, service: MessagingService, kept: str | None) -> SenderRequest:
        carrier = self._carriers.route("", message.recipient, "")
        carried = carrier is not None and carrier.carries_media(message.recipient)
        return SenderRequest(
            recipient=message.recipient,
            country=region_of(message.recipient),
            media=message.num_media > 0 or message.parsed_options.send_as_mms,
            converts=service.mms_converter and not carried,
            area_code_geomatch=service.area_code_geomatch,
            sticky=kept,
        )

    async def _comply(self, tx: Tx, message: Message) -> None:
        if self._enforcement == Enforcement():
            return
        owned = await owned_by_account(tx, message.account_sid, message.sender or "")
        code = await enforcement_error(
            tx,
            message.account_sid,
            message.service_sid,
            owned,
            region_of(message.recipient),
            self._enforcement,
        )
        if code is not None:
            raise SelectionFailed(code)

    async def _compose(self, tx: Tx, message: Message, service: MessagingService, preferred: str) -> Message:
        """Return the message with its text on the air where that is not the body: with short links, or with links
        to the attachments of an MMS that no carrier accepts (doc)."""
        options = message.parsed_options
        if options.shorten_urls:
            try:
                short = await shorten(tx, message, message.body, self._own)
                options = msgspec.structs.replace(options, sent_body=short)
            except ShorteningFailed as failed:
                raise SelectionFailed(failed.code) from None
        if message.num_media > 0 or options.send_as_mms:
            carrier = self._carriers.route(message.sender or "", message.recipient, preferred)
            if carrier is None or not carrier.carries_media(message.recipient):
                if not service.mms_converter:
                    raise SelectionFailed(NO_MMS)
                text = await as_text(
                    tx, message.account_sid, message.sid, options.sent_body or message.body, self._address.url
                )
                options = msgspec.structs.replace(options, sent_body=text, as_sms=True)
        return msgspec.structs.replace(message, options=encode_options(options))


async def take_place(tx: Tx, assigned: AssignedMessage) -> None:
    """Give the message its place in its sender's lane, or fail it."""
    message, chosen = assigned.message, assigned.composed.message
    try:
        placed = await enter_lane(tx, assigned.composed)
    except QueueFull:
        await fail_message(tx, message, QUEUE_FULL)
        return
    await message_queue.update_entry(tx, placed)
    await change_status(
        tx,
        message,
        MessageStatus.QUEUED,
        sender=chosen.sender,
        num_segments=chosen.num_segments,
        options=chosen.options,
    )


def _candidate(one: PoolSender) -> Candidate:
    alpha = one.kind in (PoolSenderKind.ALPHA.value, PoolSenderKind.DESTINATION_ALPHA.value)
    return Candidate(
        sid=one.sid,
        kind=PoolSenderKind(one.kind),
        value=one.value,
        country=(one.iso_country_code or "") if alpha else one.country,
        sms=one.sms,
        mms=one.mms,
        toll_free=one.number_kind == "toll-free",
        queued=one.queued,
        last_used=one.last_used,
    )
