"""Claims of messages from a lane for their carriers: which may be sent now, and which fail."""

from __future__ import annotations

from collections.abc import Callable, Set

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.leases import Holds
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging.compliance.enforcement import Enforcement, enforcement_error
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.composition import composition_of, is_mms
from trunkline.products.messaging.lifecycle.error_texts import ACCOUNT_SUSPENDED, NO_MMS, OPTED_OUT
from trunkline.products.messaging.lifecycle.lanes import LaneClaim
from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry
from trunkline.products.messaging.lifecycle.status_changes import fail_message
from trunkline.products.messaging.media.addresses import media_addresses
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account, owner_of
from trunkline.products.messaging.numbers.parsing import region_of
from trunkline.products.messaging.opt_outs.blocks import has_opted_out, is_blocked, scope_of
from trunkline.products.messaging.senders.alpha_rules import is_alpha
from trunkline.products.messaging.sending.prices import Prices
from trunkline.products.messaging.sending.shared_rates import SharedRates
from trunkline.transports.base import Carrier, MediaAddress, SenderKind, Submission

MAX_CLAIMED = 100
"""Messages that one claim considers."""

MAX_BLOCKED = 10
"""Messages without a ready carrier after which a claim ends."""

EXPIRED = 30036
SENDER_NOT_OWNED = 21659
"""The account released the sender while the message waited (inferred code)."""

PRICE_EXCEEDED = 30010
NO_CHANNEL = 63003
"""No carrier reaches the recipient's channel (doc: the channel cannot find the address)."""

_SENDING = """
UPDATE messages SET status = 'sending', date_updated = :now WHERE account_sid = :account_sid AND sid = :sid
"""


class ClaimRules(msgspec.Struct, frozen=True):
    """The rules of a lane's messages: ``route`` returns the carrier for a sender and a recipient; ``shared_rates`` are
    those of the lane and others; networks fetch attachments below ``address``; ``enforcement`` holds the operator's
    rules for the US, ``prices`` the costs of messages. ``under_way`` are the SIDs of the messages whose results this
    node awaits."""

    route: Callable[[str, str], Carrier | None]
    shared_rates: SharedRates
    address: PublicAddress
    enforcement: Enforcement
    prices: Prices
    under_way: Set[str]


class Handover(msgspec.Struct, frozen=True):
    """A message with the carrier that gets it."""

    entry: QueueEntry
    carrier: Carrier
    message: Message
    media: tuple[MediaAddress, ...] = ()


class Claim(msgspec.Struct, frozen=True):
    """The result of a claim. ``seen`` is true if the lane had any messages; ``wait`` is the number of microseconds
    for which a rate holds up the first of them; ``next`` is the time of the lane's next message, None if the lane
    is empty. ``blocked`` are the carriers that were not ready; ``ended`` is true if messages failed."""

    handovers: list[Handover]
    seen: bool = True
    wait: int = 0
    next: int | None = None
    blocked: tuple[Carrier, ...] = ()
    ended: bool = False


async def claim_messages(
    tx: Tx, held: LaneClaim, bucket: TokenBucket, limit: int, rules: ClaimRules
) -> Claim:
    """Claim as many messages as the rates and ``limit`` allow, in the lane's order. Messages whose carrier is not
    ready stay, and those behind them may pass to other carriers. Messages that must not be sent fail. Raise LeaseLost
    if another node holds the lane."""
    lane = held.lane
    limit = min(limit, MAX_CLAIMED, bucket.at_once() + MAX_BLOCKED)
    seen = await message_queue.lane_entries(tx, lane, limit)
    if not seen:
        return Claim([], False, next=await message_queue.next_due_in_lane(tx, lane))
    messages = await message_queue.lane_messages(tx, lane, limit)
    handovers: list[Handover] = []
    blocked: dict[str, Carrier] = {}
    wait = stuck = 0
    ended = False
    stopped = await _lane_error(tx, lane)
    for entry in seen:
        message = messages.get(entry.message_sid)
        if message is None:
            continue
        if entry.message_sid in rules.under_way:
            # Its result is recorded again, after a commit with an unknown outcome; those behind it must not pass.
            break
        carrier = rules.route(message.sender or "", message.recipient)
        if refused := (
            stopped
            or await _entry_error(tx, message, entry, rules.prices)
            or _carrier_error(message, carrier)
        ):
            await fail_message(tx, message, refused)
            ended = True
            continue
        # A carrier that was full for one message is full for those behind it, or they would pass.
        if carrier is None or carrier.name in blocked or not carrier.ready:
            if carrier is not None:
                blocked[carrier.name] = carrier
            stuck += 1
            if stuck == MAX_BLOCKED:
                break
            continue
        buckets = [bucket, *rules.shared_rates.of(message.account_sid, message.service_sid)]
        wait = max(one.wait(tx.now) for one in buckets)
        if wait:
            break
        if refused := await _compliance_error(tx, message, rules):
            await fail_message(tx, message, refused)
            ended = True
            continue
        if not await message_queue.mark_sending(tx, entry, held.fence):
            continue
        for one in buckets:
            one.spend(entry.segments, tx.now)
        media = await _media(tx, message, rules)
        entry = msgspec.structs.replace(entry, fence=held.fence)
        handovers.append(Handover(entry, carrier, message, media))
    if handovers:
        await _record_claimed(tx, held, handovers, bucket)
    return Claim(handovers, wait=wait, blocked=tuple(blocked.values()), ended=ended)


async def _media(tx: Tx, message: Message, rules: ClaimRules) -> tuple[MediaAddress, ...]:
    if not message.num_media:
        return ()
    return tuple(await media_addresses(tx, message.account_sid, message.sid, rules.address.url))


async def _record_claimed(tx: Tx, held: LaneClaim, handovers: list[Handover], bucket: TokenBucket) -> None:
    sent = [
        {"now": tx.now, "account_sid": one.message.account_sid, "sid": one.message.sid} for one in handovers
    ]
    await tx.run_many(_SENDING, sent)
    await lanes.record_free_at(tx, held, bucket.full_at)


async def _lane_error(tx: Tx, lane: str) -> int | None:
    """Return the error code for all messages of a lane whose account is suspended or does not own the sender any
    more."""
    account_sid, _, sender = lane.partition(" ")
    if not await accounts.is_active(tx, account_sid):
        return ACCOUNT_SUSPENDED
    return None if is_alpha(sender) or await owner_of(tx, sender) == account_sid else SENDER_NOT_OWNED


def _carrier_error(message: Message, carrier: Carrier | None) -> int | None:
    if carrier is None:
        return NO_CHANNEL if ":" in message.recipient else None
    return (
        NO_MMS
        if is_mms(message, message.parsed_options) and not carrier.carries_media(message.recipient)
        else None
    )


async def _entry_error(tx: Tx, message: Message, entry: QueueEntry, prices: Prices) -> int | None:
    if entry.expires <= tx.now:
        return EXPIRED
    max_price = message.parsed_options.stored.get("max_price")
    if max_price is not None and prices.exceed(max_price, message.recipient, message.num_segments):
        return PRICE_EXCEEDED
    if message.parsed_options.automatic:
        return None
    account_sid, service_sid = message.account_sid, message.service_sid
    if service_sid is None:
        blocked = await has_opted_out(tx, account_sid, message.sender or "", message.recipient)
    else:
        blocked = await is_blocked(tx, account_sid, scope_of(service_sid, ""), message.recipient)
    return OPTED_OUT if blocked else None


async def _compliance_error(tx: Tx, message: Message, rules: ClaimRules) -> int | None:
    """Return the error code of the rules for the US, for a message without a Service: through a Service they were
    applied when the sender was chosen. Call it once for each message, since it counts the message."""
    if (
        message.service_sid is not None
        or message.parsed_options.automatic
        or rules.enforcement == Enforcement()
    ):
        return None
    owned = await owned_by_account(tx, message.account_sid, message.sender or "")
    service_sid = owned.service_sid if owned else None
    country = region_of(message.recipient)
    return await enforcement_error(tx, message.account_sid, service_sid, owned, country, rules.enforcement)


def submission_of(handover: Handover, now: int, reference: int, holds: Holds) -> Submission:
    """Return the submission for the carrier."""
    message = handover.message
    segmented = composition_of(message).segmented
    return Submission(
        message_sid=message.sid,
        account_sid=message.account_sid,
        sender=message.sender or "",
        sender_kind=sender_kind_of(message.sender or ""),
        recipient=message.recipient,
        encoding=segmented.encoding,
        segments=segmented.parts,
        reference=reference,
        media=handover.media,
        accepted_ids=handover.entry.ids,
        valid_for=(handover.entry.expires - now) / SECOND,
        tries=handover.entry.attempts,
        holds=holds,
    )


def sender_kind_of(sender: str) -> SenderKind:
    """Return the kind of a sender by the form of its address."""
    if sender.startswith("+"):
        return SenderKind.NUMBER
    return SenderKind.SHORT_CODE if sender.isdigit() else SenderKind.ALPHANUMERIC
