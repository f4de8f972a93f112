"""The inbox: takes in what carriers hear from phones, durably and once, and has the number's owner told.

1. Carrier's id, opt-out, message, attachments and the job that tells of it are one transaction.
2. The messages between two numbers are told one after the other, in their order.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from trunkline.core.blobs.store import Blob, BlobStore, delete_blob, once
from trunkline.core.clock import SECOND
from trunkline.core.egress.cookies import Cookies
from trunkline.core.egress.target import BadUrl, locate
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Success
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging.lifecycle.message import Direction, Message, Status, find_message
from trunkline.products.messaging.media.links import media_links
from trunkline.products.messaging.media.store import add_medium
from trunkline.products.messaging.numbers.owned import Owned, owned_by_address
from trunkline.products.messaging.numbers.parsing import channel_of, parse_recipient
from trunkline.products.messaging.receiving import jar
from trunkline.products.messaging.receiving.conversation import Conversation, Ground, write_end
from trunkline.products.messaging.receiving.hooks import Hooks, hooks_of, service_of
from trunkline.products.messaging.receiving.keyword_handling import hear
from trunkline.products.messaging.receiving.parameters import Pairs, parameters
from trunkline.products.messaging.senders import sticky
from trunkline.products.messaging.services import Service
from trunkline.transports.base import InboundMessage

log = logging.getLogger("trunkline.messaging")

JOB = "messaging.inbound"
"""The kind of the job that tells the owner of a number what came in."""

MISSING_PART = 30009
REMEMBERED = 7 * 24 * 3600 * SECOND
"""How long a carrier may tell of the same message again."""

_PRUNED = 3
_KNOWN = """
INSERT INTO inbound_ids (carrier, id, date_created) VALUES (:carrier, :id, :now) ON CONFLICT DO NOTHING
"""
_PRUNE = """
DELETE FROM inbound_ids WHERE (carrier, id) IN (
    SELECT carrier, id FROM inbound_ids WHERE date_created < :before ORDER BY date_created LIMIT :most
)
"""
_END = """
UPDATE messages SET status = 'received', date_sent = :asked_at, date_updated = :now
WHERE account_sid = :account_sid AND sid = :sid AND status = 'receiving'
"""


class Told(msgspec.Struct, frozen=True):
    """A job's payload: the message, and what its keyword meant."""

    account_sid: str
    message_sid: str
    opt_out: str = ""


class _Known(msgspec.Struct, frozen=True):
    """What is known when a message is told of."""

    message: Message
    hooks: Hooks
    told: Pairs
    cookies: Cookies


class Inbox:
    """Implements the receiving half of ``CarrierListener``. Attachments are fetched below ``address``."""

    def __init__(self, ground: Ground, blobs: BlobStore, address: PublicAddress) -> None:
        self._ground = ground
        self._blobs = blobs
        self._address = address

    async def inbound(self, inbound: InboundMessage) -> None:
        """Take in a message; it is durable once this returns. Raises StorageError."""
        blobs = [await self._blobs.write(once(one.content), len(one.content)) for one in inbound.media]

        async def store(tx: Tx) -> None:
            if not await receive(tx, inbound, blobs):
                for blob in blobs:
                    await delete_blob(tx, blob.key)

        await self._ground.database.write(store)

    def handler(self) -> Handler:
        """Runs the jobs of ``JOB``."""
        return Handler(self._tell, concurrency=400, per_lane=100)

    async def _tell(self, job: ClaimedJob) -> JobOutcome:
        told = msgspec.json.decode(job.payload, type=Told)
        known = await self._ground.database.read(lambda tx: self._known(tx, told))
        if known is None:
            return Success()
        conversation = Conversation(self._ground, known.message, known.told, known.cookies)
        ended = await conversation.run(known.hooks)

        async def write(tx: Tx) -> None:
            message = known.message
            if await tx.run(
                _END,
                account_sid=message.account_sid,
                sid=message.sid,
                asked_at=ended.asked_at,
                now=tx.now,
            ):
                await write_end(tx, message, ended, self._ground.rules)

        await self._ground.database.write(write)
        return Success()

    async def _known(self, tx: Tx, told: Told) -> _Known | None:
        """None when the message was told of before, or is gone."""
        message = await find_message(tx, told.account_sid, told.message_sid)
        if message is None or message.status != Status.RECEIVING:
            return None
        owned = await owned_by_address(tx, message.recipient)
        hooks = Hooks()
        # A number that was sold meanwhile tells its new owner nothing of old messages.
        if owned is not None and owned.account_sid == message.account_sid:
            hooks = await hooks_of(tx, owned, await service_of(tx, owned))
        media = (
            await media_links(tx, message.account_sid, message.sid, self._address.url)
            if message.num_media
            else []
        )
        return _Known(message, hooks, parameters(message, media, told.opt_out), await jar.find(tx, message))


async def receive(tx: Tx, inbound: InboundMessage, blobs: Sequence[Blob]) -> bool:
    """Store a message, its attachments in ``blobs``, and enqueue the job for its number's owner (doc for the order of
    things). Return False for a message that came before, or that nobody receives."""
    if inbound.id and not await _is_new(tx, inbound):
        return False
    owned = await _find_owner(tx, inbound.recipient)
    if owned is None or not await accounts.is_active(tx, owned.account_sid):
        log.info("a message to %s is dropped: the number is nobody's", inbound.recipient)
        return False
    service = await service_of(tx, owned)
    read = parse_recipient(inbound.sender, owned.country or "US")
    sender = inbound.sender if read is None else read.address
    body = _storable(inbound.text)
    opt_out = await hear(tx, owned, service, sender, body)
    hooks = await hooks_of(tx, owned, service)
    if hooks.drops:
        log.debug("a message to %s is dropped: its Service has no URL", owned.number)
        return False
    message = _message(tx, inbound, owned, service, _storable(sender))
    message = msgspec.structs.replace(message, body=body)
    if hooks.first is None:
        message = msgspec.structs.replace(message, status=Status.RECEIVED.value, date_sent=tx.now)
    await tx.insert("messages", message)
    if service is not None:
        await sticky.remember(tx, message, channel_of(owned.number).value, owned.sid, owned.number)
    for medium, blob in zip(inbound.media, blobs, strict=True):
        await add_medium(tx, message.account_sid, message.sid, medium.content_type, blob)
    if inbound.missing:
        await _tell_of_missing_part(tx, message)
    if hooks.first is not None:
        payload = msgspec.json.encode(Told(message.account_sid, message.sid, opt_out)).decode()
        order = f"{message.account_sid} {message.sender} {message.recipient}"
        await enqueue(tx, Job(JOB, payload, order_key=order, lane=_lane(hooks.first.url)))
    return True


async def _is_new(tx: Tx, inbound: InboundMessage) -> bool:
    await tx.run(_PRUNE, before=tx.now - REMEMBERED, most=_PRUNED)
    return bool(await tx.run(_KNOWN, carrier=inbound.carrier, id=inbound.id, now=tx.now))


async def _find_owner(tx: Tx, recipient: str) -> Owned | None:
    """The number that was written to, as networks write it: with its plus sign or without, in the national form of
    North America, or as a short code."""
    text = _storable(recipient).strip()
    found = await owned_by_address(tx, text)
    if found is None and text.isascii() and text.isdigit():
        found = await owned_by_address(tx, f"+{text}")
    if found is None and (read := parse_recipient(text)) is not None:
        found = await owned_by_address(tx, read.address)
    return found


def _message(tx: Tx, inbound: InboundMessage, owned: Owned, service: Service | None, sender: str) -> Message:
    return Message(
        sid=new_sid("MM" if inbound.media else "SM"),
        account_sid=owned.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.INBOUND.value,
        status=Status.RECEIVING.value,
        sender=sender,
        recipient=owned.number,
        body="",
        service_sid=None if service is None else service.sid,
        num_media=len(inbound.media),
        num_segments=max(inbound.segments, 1),
    )


async def _tell_of_missing_part(tx: Tx, message: Message) -> None:
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
    """The text without what no database keeps: NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _lane(url: str) -> str:
    try:
        return locate(url).origin
    except BadUrl:
        return ""
