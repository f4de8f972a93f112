"""Taking messages out of a lane for a carrier: what may go now, and what must not go any more."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.manifest import PublicAddress
from trunkline.products.messaging.compliance.enforcement import Enforcement, refusal
from trunkline.products.messaging.lifecycle import lanes, queue
from trunkline.products.messaging.lifecycle.composition import composition_of, is_mms
from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.lifecycle.queue import Queued
from trunkline.products.messaging.lifecycle.states import fail
from trunkline.products.messaging.media.links import media_links
from trunkline.products.messaging.numbers.owned import owned_by_account, owner_of
from trunkline.products.messaging.numbers.parsing import region_of
from trunkline.products.messaging.opt_outs.blocks import has_left, is_blocked, scope_of
from trunkline.products.messaging.senders.alpha import is_alpha
from trunkline.products.messaging.sending.pace import Paces
from trunkline.products.messaging.sending.prices import Prices
from trunkline.transports.base import Carrier, MediaLink, SenderKind, Submission

MOST = 100
"""Messages that one look at a lane considers."""

STUCK = 10
"""Messages without a ready carrier after which a look ends."""

EXPIRED = 30036
SUSPENDED = 30002
OPTED_OUT = 21610
NOT_OURS = 21659
"""The account gave the sender away while the message waited (inferred code)."""

NO_MMS = 30011
TOO_DEAR = 30010
NO_CHANNEL = 63003
"""No carrier reaches the recipient's channel (doc: the channel cannot find the address)."""

_SENDING = """
UPDATE messages SET status = 'sending', date_updated = :now WHERE account_sid = :account_sid AND sid = :sid
"""


class Rules(msgspec.Struct, frozen=True):
    """How a lane's messages go: ``route`` answers the carrier for a sender and a recipient; ``paces`` are the rates
    that the lane shares with others; below ``address`` networks fetch attachments; ``enforcement`` are the operator's
    rules, ``prices`` what messages cost."""

    route: Callable[[str, str], Carrier | None]
    paces: Paces
    address: PublicAddress
    enforcement: Enforcement
    prices: Prices


class Taken(msgspec.Struct, frozen=True):
    """A message that is to be handed over."""

    queued: Queued
    carrier: Carrier
    message: Message
    media: tuple[MediaLink, ...] = ()


class Haul(msgspec.Struct, frozen=True):
    """What a look at a lane brought. ``seen`` tells whether there was anything at all; ``wait`` is how many
    microseconds a rate holds up what was seen; ``next`` is when the lane's next message may go, None when the lane is
    empty. ``blocked`` are the carriers that were not ready; ``ended`` tells that messages failed."""

    taken: list[Taken]
    seen: bool = True
    wait: int = 0
    next: int | None = None
    blocked: tuple[Carrier, ...] = ()
    ended: bool = False


async def take(tx: Tx, lane: str, bucket: TokenBucket, room: int, rules: Rules) -> Haul:
    """Take as many messages as the rates and ``room`` allow, in the lane's order; those whose carrier is not ready
    stay, and those behind them may pass to other carriers. Messages that may not be sent any more fail."""
    most = min(room, MOST, bucket.at_once() + STUCK)
    seen = await queue.in_lane(tx, lane, most)
    if not seen:
        return Haul([], False, next=await queue.next_in_lane(tx, lane))
    messages = await queue.messages_in_lane(tx, lane, most)
    taken: list[Taken] = []
    blocked: dict[str, Carrier] = {}
    wait = stuck = 0
    ended = False
    stopped = await _stopped(tx, lane)
    for queued in seen:
        message = messages.get(queued.message_sid)
        if message is None:
            continue
        carrier = rules.route(message.sender or "", message.recipient)
        if refused := (
            stopped or await _refusal(tx, message, queued, rules.prices) or _unreachable(message, carrier)
        ):
            await fail(tx, message, refused)
            ended = True
            continue
        # One that had no room a moment ago has none for those behind, or they would pass.
        if carrier is None or carrier.name in blocked or not carrier.ready:
            if carrier is not None:
                blocked[carrier.name] = carrier
            stuck += 1
            if stuck == STUCK:
                break
            continue
        buckets = [bucket, *rules.paces.of(message.account_sid, message.service_sid)]
        wait = max(one.wait(tx.now) for one in buckets)
        if wait:
            break
        if refused := await _against_rules(tx, message, rules):
            await fail(tx, message, refused)
            ended = True
            continue
        if not await queue.hand_over(tx, queued):
            continue
        for one in buckets:
            one.spend(queued.segments, tx.now)
        media = (
            await media_links(tx, message.account_sid, message.sid, rules.address.url)
            if message.num_media
            else ()
        )
        taken.append(Taken(queued, carrier, message, tuple(media)))
    if taken:
        sent = [
            {"now": tx.now, "account_sid": one.message.account_sid, "sid": one.message.sid} for one in taken
        ]
        await tx.run_many(_SENDING, sent)
        await lanes.used(tx, lane, bucket.full_at)
    return Haul(taken, wait=wait, blocked=tuple(blocked.values()), ended=ended)


async def _stopped(tx: Tx, lane: str) -> int | None:
    """Why nothing of the lane may go any more: its account is suspended, or has its sender no longer."""
    account_sid, _, sender = lane.partition(" ")
    if not await accounts.is_active(tx, account_sid):
        return SUSPENDED
    return None if is_alpha(sender) or await owner_of(tx, sender) == account_sid else NOT_OURS


def _unreachable(message: Message, carrier: Carrier | None) -> int | None:
    if carrier is None:
        return NO_CHANNEL if ":" in message.recipient else None
    return NO_MMS if is_mms(message, message.asked) and not carrier.carries_media(message.recipient) else None


async def _refusal(tx: Tx, message: Message, queued: Queued, prices: Prices) -> int | None:
    if queued.expires <= tx.now:
        return EXPIRED
    most = message.asked.stored.get("max_price")
    if most is not None and prices.exceed(most, message.recipient, message.num_segments):
        return TOO_DEAR
    if message.asked.automatic:
        return None
    account_sid, service_sid = message.account_sid, message.service_sid
    if service_sid is None:
        blocked = await has_left(tx, account_sid, message.sender or "", message.recipient)
    else:
        blocked = await is_blocked(tx, account_sid, scope_of(service_sid, ""), message.recipient)
    return OPTED_OUT if blocked else None


async def _against_rules(tx: Tx, message: Message, rules: Rules) -> int | None:
    """The rules for the US, for a message without a Service: through one they were asked when its sender was chosen.
    Asked once, as it counts the message."""
    if message.service_sid is not None or message.asked.automatic or rules.enforcement == Enforcement():
        return None
    owned = await owned_by_account(tx, message.account_sid, message.sender or "")
    service_sid = owned.service_sid if owned else None
    country = region_of(message.recipient)
    return await refusal(tx, message.account_sid, service_sid, owned, country, rules.enforcement)


def submission(taken: Taken, now: int, reference: int) -> Submission:
    """What the carrier is handed."""
    message = taken.message
    segmented = composition_of(message).segmented
    return Submission(
        message_sid=message.sid,
        account_sid=message.account_sid,
        sender=message.sender or "",
        sender_kind=kind_of(message.sender or ""),
        recipient=message.recipient,
        encoding=segmented.encoding,
        segments=segmented.parts,
        reference=reference,
        media=taken.media,
        accepted_ids=taken.queued.ids,
        valid_for=(taken.queued.expires - now) / SECOND,
        tries=taken.queued.attempts,
    )


def kind_of(sender: str) -> SenderKind:
    """What a sender's address is by its form."""
    if sender.startswith("+"):
        return SenderKind.NUMBER
    return SenderKind.SHORT_CODE if sender.isdigit() else SenderKind.ALPHANUMERIC
