"""Replies to inbound messages: from the verbs of TwiML to messages that are sent, each once.

1. The SID of a reply is derived from the inbound message and the reply's number, so that a job that is repeated
   after a crash makes no reply a second time.
2. A reply that cannot be made is a problem for the debugger; one that must not be sent fails as a message (doc).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging import services
from trunkline.products.messaging.lifecycle.error_texts import QUEUE_FULL
from trunkline.products.messaging.lifecycle.message import (
    Direction,
    Message,
    MessageOptions,
    MessageStatus,
    encode_options,
    find_message,
)
from trunkline.products.messaging.lifecycle.status_changes import change_status
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.numbers.parsing import AddressKind, parse_recipient
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.receiving.loop_guard import REPLY_LOOP, ReplyExchange, decide_reply
from trunkline.products.messaging.receiving.verbs import MessageVerb, TwimlProblem
from trunkline.products.messaging.senders.alpha_rules import COUNTRIES, AlphaSupport, is_alpha, is_generic
from trunkline.products.messaging.sending.accept import QueueFull, accept_message
from trunkline.products.messaging.services import MessagingService

NO_PERMISSION = 21408
BAD_TO, BAD_FROM, NO_SMS = 14101, 14102, 14108


class NumberedReply(msgspec.Struct, frozen=True):
    """A reply and its number among all replies to one message, from 0."""

    number: int
    reply: MessageVerb


class ReplyResult(msgspec.Struct, frozen=True):
    """The message of a reply, or the problem for which there is none."""

    message: Message | None = None
    problem: TwimlProblem | None = None


class _ExchangeRow(Row, frozen=True):
    replies: int
    last: int
    refused_until: int


def sid_of(inbound: Message, numbered: NumberedReply) -> str:
    """Return the SID of a reply."""
    digits = sha256(f"{inbound.account_sid} {inbound.sid} {numbered.number}".encode()).hexdigest()[:32]
    return ("MM" if numbered.reply.media else "SM") + digits


async def send_replies(
    tx: Tx, inbound: Message, replies: Sequence[NumberedReply], rules: MessageRules
) -> list[ReplyResult]:
    """Make and send replies to a message, under the operator's rules."""
    return [await _send(tx, inbound, one, rules) for one in replies]


async def _send(tx: Tx, inbound: Message, numbered: NumberedReply, rules: MessageRules) -> ReplyResult:
    sid, reply = sid_of(inbound, numbered), numbered.reply
    if (known := await find_message(tx, inbound.account_sid, sid)) is not None:
        return ReplyResult(known)
    sender, to = reply.sender or inbound.recipient, reply.to or inbound.sender or ""
    owned = await owned_by_account(tx, inbound.account_sid, sender)
    refused = not is_alpha(sender) or is_generic(sender) or sender.lower() in rules.blocked_senders
    if owned is None and refused:
        return _problem(BAD_FROM, f"from is no sender of the account: {sender[:100]}")
    if owned is not None and not owned.sms and not (reply.media and owned.mms):
        return _problem(NO_SMS, f"{sender} cannot send messages")
    read = parse_recipient(to)
    if read is None or read.kind is AddressKind.SHORT_CODE or to == sender:
        return _problem(BAD_TO, f"to cannot be sent to: {to[:100]}")
    if owned is None and COUNTRIES.support(read.region) is AlphaSupport.REFUSED:
        return _problem(BAD_FROM, f"{sender} is no sender for {read.region}")
    service_sid = owned.service_sid if owned is not None else None
    service = await services.find_service(tx, inbound.account_sid, service_sid) if service_sid else None
    message = _message(tx, inbound, sid, reply, (sender, to), service)
    # Replies are made at one moment, and a list shows them in their order.
    message = msgspec.structs.replace(message, date_created=tx.now + numbered.number)
    if rules.countries and read.region and read.region not in rules.countries:
        return ReplyResult(await _fail(tx, message, NO_PERMISSION))
    if not await _allowed(tx, message):
        return ReplyResult(await _fail(tx, message, REPLY_LOOP))
    try:
        validity = None if service is None else service.validity_period
        return ReplyResult(await accept_message(tx, message, rules, service_validity=validity, owned=owned))
    except QueueFull:
        return ReplyResult(await _fail(tx, message, QUEUE_FULL))


def _message(
    tx: Tx,
    inbound: Message,
    sid: str,
    reply: MessageVerb,
    pair: tuple[str, str],
    service: MessagingService | None,
) -> Message:
    """Return the message of a reply; its Service is that of the sender's pool (doc)."""
    return Message(
        sid=sid,
        account_sid=inbound.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.REPLY.value,
        status=(MessageStatus.QUEUED if service is None else MessageStatus.ACCEPTED).value,
        sender=pair[0],
        recipient=pair[1],
        body=reply.body,
        service_sid=None if service is None else service.sid,
        num_media=len(reply.media),
        status_callback=reply.action or reply.status_callback,
        callback_method=reply.method,
        options=encode_options(MessageOptions(media_urls=reply.media)),
    )


async def _fail(tx: Tx, message: Message, code: int) -> Message:
    """Store a message that is never queued."""
    await tx.insert("messages", message)
    return await change_status(tx, message, MessageStatus.FAILED, error_code=code)


_PAIR = "account_sid = :account_sid AND sender = :sender AND recipient = :recipient"
_KEEP = """
INSERT INTO reply_exchanges (account_sid, sender, recipient, replies, last, refused_until)
VALUES (:account_sid, :sender, :recipient, :replies, :last, :refused_until)
ON CONFLICT (account_sid, sender, recipient)
DO UPDATE SET replies = :replies, last = :last, refused_until = :refused_until
"""


async def _allowed(tx: Tx, message: Message) -> bool:
    """Return whether the loop guard allows the reply, and record it for the next one."""
    pair = {"account_sid": message.account_sid, "sender": message.sender, "recipient": message.recipient}
    await tx.lock(f"replies {message.account_sid} {message.sender} {message.recipient}")
    known = await tx.one(
        _ExchangeRow, f"SELECT {columns(_ExchangeRow)} FROM reply_exchanges WHERE {_PAIR}", **pair
    )
    before = (
        ReplyExchange(known.replies, known.last, known.refused_until)
        if known is not None
        else ReplyExchange()
    )
    decision = decide_reply(before, tx.now)
    await tx.run(_KEEP, **pair, **msgspec.structs.asdict(decision.exchange))
    return decision.allowed


def _problem(code: int, text: str) -> ReplyResult:
    return ReplyResult(problem=TwimlProblem(code, text))
