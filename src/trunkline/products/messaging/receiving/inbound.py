"""Inbound messages: stored durably and once, then reported to the owner of their number.

1. The carrier's id, the opt-out, the message, its attachments and the job of its webhook are written in one
   transaction.
2. A read before it finds out whether a message with attachments is new and its number has an owner. Only then are the
   contents written as blobs, side by side. A message that another node receives at the same time passes that read,
   too; the transaction then removes the blobs.
3. If a content or the transaction fails, or the caller is cancelled, the blobs that were written are removed at once,
   and the carrier delivers the message again.
4. The messages between two numbers are reported one after the other, in their order: their jobs have one order key.
5. A job runs the webhooks outside any transaction. One more transaction ends the message and writes the outcome of
   its TwiML, unless an earlier run of the job did so, or another node has the job.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Sequence

import msgspec

from trunkline.core.blobs.store import Blob, BlobStore, delete_blobs, once, removed_on_failure
from trunkline.core.clock import SECOND
from trunkline.core.egress.cookies import Cookies
from trunkline.core.egress.target import BadUrl, locate
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Success
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging.lifecycle.message import Direction, Message, MessageStatus, find_message
from trunkline.products.messaging.media.addresses import media_addresses
from trunkline.products.messaging.media.store import add_medium
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber, owned_by_address
from trunkline.products.messaging.numbers.parsing import channel_of, parse_recipient
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.receiving import stored_cookies
from trunkline.products.messaging.receiving.conversation import Conversation, ReceivingContext, write_result
from trunkline.products.messaging.receiving.keyword_handling import handle_keyword
from trunkline.products.messaging.receiving.webhook_parameters import FormPairs, inbound_parameters
from trunkline.products.messaging.receiving.webhooks import InboundWebhooks, service_of, webhooks_of
from trunkline.products.messaging.senders import sticky
from trunkline.products.messaging.services import MessagingService
from trunkline.transports.base import InboundMessage

log = logging.getLogger("trunkline.messaging")

INBOUND_JOB = "messaging.inbound"
"""The kind of the job that reports a message to the owner of its number."""

MISSING_PART = 30009
ID_LIFETIME = 7 * 24 * 3600 * SECOND
"""Time for which a carrier may deliver the same message again."""

_FIND_ID = "SELECT id FROM inbound_ids WHERE carrier = :carrier AND id = :id AND date_created >= :since"
_ADD_ID = """
INSERT INTO inbound_ids (carrier, id, date_created) VALUES (:carrier, :id, :now)
ON CONFLICT (carrier, id) DO UPDATE SET date_created = excluded.date_created WHERE inbound_ids.date_created < :since
"""
_END = """
UPDATE messages SET status = 'received', date_sent = :requested_at, date_updated = :now
WHERE account_sid = :account_sid AND sid = :sid AND status = 'receiving'
"""


class Reception(enum.Enum):
    """The reception of a message: stored, received before, or dropped without a Message."""

    STORED = "stored"
    REPEATED = "repeated"
    DROPPED = "dropped"


class InboundJob(msgspec.Struct, frozen=True):
    """The payload of a job: the message, and the meaning of its keyword."""

    account_sid: str
    message_sid: str
    opt_out: str = ""


class _Context(msgspec.Struct, frozen=True):
    """The message of a job with all that its conversation needs."""

    message: Message
    hooks: InboundWebhooks
    params: FormPairs
    cookies: Cookies


class InboundHandler:
    """The receiving half of ``CarrierListener``. Attachments are fetched below ``address``."""

    def __init__(self, context: ReceivingContext, blobs: BlobStore, address: PublicAddress) -> None:
        self._context = context
        self._blobs = blobs
        self._address = address

    async def inbound(self, inbound: InboundMessage) -> bool:
        """Store a message durably; return False if it is dropped. Raise StorageError if the storage is unavailable."""
        database = self._context.database
        if inbound.media:
            reception = await database.read(lambda tx: expected_reception(tx, inbound))
            if reception is not Reception.STORED:
                return reception is Reception.REPEATED
        async with removed_on_failure(database, self._blobs) as store:
            blobs = await _write_media(inbound, store)

            async def write(tx: Tx) -> Reception:
                reception = await receive_message(tx, inbound, blobs, self._context.rules)
                if reception is not Reception.STORED:
                    await delete_blobs(tx, blobs)
                return reception

            return await database.write(write) is not Reception.DROPPED

    def handler(self) -> Handler:
        """Return the handler of the jobs of ``INBOUND_JOB``."""
        return Handler(self._process, concurrency=400, per_lane=100)

    async def _process(self, job: ClaimedJob) -> JobOutcome:
        payload = msgspec.json.decode(job.payload, type=InboundJob)
        known = await self._context.database.read(lambda tx: self._known(tx, payload))
        if known is None:
            return Success()
        conversation = Conversation(self._context, job, known.message, known.params, known.cookies)
        ended = await conversation.run(known.hooks)

        async def write(tx: Tx) -> None:
            message = known.message
            await job.confirm(tx)
            if await tx.run(
                _END,
                account_sid=message.account_sid,
                sid=message.sid,
                requested_at=ended.requested_at,
                now=tx.now,
            ):
                await write_result(tx, message, ended, self._context.rules)

        await self._context.database.write(write)
        return Success()

    async def _known(self, tx: Tx, payload: InboundJob) -> _Context | None:
        """Return the context of a job, or None if the message was reported before or is deleted."""
        message = await find_message(tx, payload.account_sid, payload.message_sid)
        if message is None or message.status != MessageStatus.RECEIVING:
            return None
        owned = await owned_by_address(tx, message.recipient)
        hooks = InboundWebhooks()
        # Old messages of a number that was sold meanwhile are not reported to its new owner.
        if owned is not None and owned.account_sid == message.account_sid:
            hooks = await webhooks_of(tx, owned, await service_of(tx, owned))
        media = (
            await media_addresses(tx, message.account_sid, message.sid, self._address.url)
            if message.num_media
            else []
        )
        return _Context(
            message,
            hooks,
            inbound_parameters(message, media, payload.opt_out),
            await stored_cookies.find_cookies(tx, message),
        )


async def _write_media(inbound: InboundMessage, store: BlobStore) -> list[Blob]:
    """Write the attachments as blobs and return these in their order."""
    writes = (store.write(once(one.content), len(one.content)) for one in inbound.media)
    # All are awaited, so that none is written after the others were removed.
    results = await asyncio.gather(*writes, return_exceptions=True)
    blobs: list[Blob] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        blobs.append(result)
    return blobs


async def expected_reception(tx: Tx, inbound: InboundMessage) -> Reception:
    """Return the reception of a message, as far as it is certain before its attachments are written."""
    names = {"carrier": inbound.carrier, "id": inbound.id}
    if inbound.id and await tx.value(_FIND_ID, **names, since=tx.now - ID_LIFETIME) is not None:
        return Reception.REPEATED
    owned = await _find_active_owner(tx, inbound.recipient)
    return Reception.DROPPED if owned is None else Reception.STORED


async def receive_message(
    tx: Tx, inbound: InboundMessage, blobs: Sequence[Blob], rules: MessageRules
) -> Reception:
    """Store a message with its attachments in ``blobs``, and enqueue the job of its webhook, in the documented
    order (doc). Return what became of it."""
    if inbound.id and not await _is_new(tx, inbound):
        return Reception.REPEATED
    owned = await _find_active_owner(tx, inbound.recipient)
    if owned is None:
        return Reception.DROPPED
    service = await service_of(tx, owned)
    read = parse_recipient(inbound.sender, owned.country or "US")
    sender = inbound.sender if read is None else read.address
    body = _storable(inbound.text)
    opt_out = await handle_keyword(tx, owned, service, sender, body, rules)
    hooks = await webhooks_of(tx, owned, service)
    if hooks.drops:
        log.debug("a message to %s is dropped: its Service has no URL", owned.number)
        return Reception.DROPPED
    message = _message(tx, inbound, owned, service, _storable(sender))
    message = msgspec.structs.replace(message, body=body)
    if hooks.first is None:
        message = msgspec.structs.replace(message, status=MessageStatus.RECEIVED.value, date_sent=tx.now)
    await tx.insert("messages", message)
    if service is not None:
        await sticky.store_sticky_sender(tx, message, channel_of(owned.number).value, owned.sid, owned.number)
    for medium, blob in zip(inbound.media, blobs, strict=True):
        await add_medium(tx, message.account_sid, message.sid, medium.content_type, blob)
    if inbound.missing:
        await _alert_missing_segment(tx, message)
    if hooks.first is not None:
        payload = msgspec.json.encode(InboundJob(message.account_sid, message.sid, opt_out)).decode()
        order = f"{message.account_sid} {message.sender} {message.recipient}"
        lane = _lane(hooks.first.url)
        job = Job(INBOUND_JOB, payload, order_key=order, lane=lane, account_sid=message.account_sid)
        await enqueue(tx, job)
    return Reception.STORED


async def _is_new(tx: Tx, inbound: InboundMessage) -> bool:
    since = tx.now - ID_LIFETIME
    return bool(await tx.run(_ADD_ID, carrier=inbound.carrier, id=inbound.id, now=tx.now, since=since))


async def _find_active_owner(tx: Tx, recipient: str) -> OwnedNumber | None:
    """Return the number that was written to, unless it has no owner or that account is not active."""
    owned = await _find_owner(tx, recipient)
    if owned is not None and await accounts.is_active(tx, owned.account_sid):
        return owned
    log.info("a message to %s is dropped: the number is nobody's", recipient)
    return None


async def _find_owner(tx: Tx, recipient: str) -> OwnedNumber | None:
    """Return the number that was written to, in any form that networks use: with its plus sign or without, in the
    national form of North America, or as a short code."""
    text = _storable(recipient).strip()
    found = await owned_by_address(tx, text)
    if found is None and text.isascii() and text.isdigit():
        found = await owned_by_address(tx, f"+{text}")
    if found is None and (read := parse_recipient(text)) is not None:
        found = await owned_by_address(tx, read.address)
    return found


def _message(
    tx: Tx, inbound: InboundMessage, owned: OwnedNumber, service: MessagingService | None, sender: str
) -> Message:
    return Message(
        sid=inbound.message_sid or new_sid("MM" if inbound.media else "SM"),
        account_sid=owned.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.INBOUND.value,
        status=MessageStatus.RECEIVING.value,
        sender=sender,
        recipient=owned.number,
        body="",
        service_sid=None if service is None else service.sid,
        num_media=len(inbound.media),
        num_segments=max(inbound.segments, 1),
    )


async def _alert_missing_segment(tx: Tx, message: Message) -> None:
    await accounts.record_alert(
        tx,
        message.account_sid,
        MISSING_PART,
        f"Parts of the message from {message.sender} never came",
        level="warning",
        resource_sid=message.sid,
        service_sid=message.service_sid or "",
    )


def _storable(text: str) -> str:
    """Return the text without the characters that no database stores: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _lane(url: str) -> str:
    try:
        return locate(url).origin
    except BadUrl:
        return ""
