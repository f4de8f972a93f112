"""Handling of opt-out keywords in inbound messages: STOP blocks its sender first of all, and is replied to (doc).

The network texts of toll-free numbers, and the network's own block behind them, are not imitated.
"""

from __future__ import annotations

import logging

from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import (
    Direction,
    Message,
    MessageOptions,
    MessageStatus,
    encode_options,
)
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber
from trunkline.products.messaging.numbers.parsing import AddressKind, parse_recipient, region_of
from trunkline.products.messaging.opt_outs import advanced
from trunkline.products.messaging.opt_outs.blocks import block, is_blocked, scope_of, unblock
from trunkline.products.messaging.opt_outs.keywords import STANDARD, KeywordKind, find_keyword, gets_reply
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.sending.accept import QueueFull, accept_message
from trunkline.products.messaging.services import MessagingService

log = logging.getLogger("trunkline.messaging")

SHORT_CODE = "short-code"


async def handle_keyword(
    tx: Tx,
    owned: OwnedNumber,
    service: MessagingService | None,
    sender: str,
    body: str,
    rules: MessageRules,
) -> str:
    """Handle a message to an owned number if it is a keyword, under the operator's rules. Return the ``OptOutType`` for
    the webhook, which is empty unless the Service has Advanced Opt-Out. Short codes have keywords only with that
    (doc)."""
    own = await advanced.find(tx, service.account_sid, service.sid) if service is not None else None
    enabled = own is not None and own.enabled
    if owned.kind == SHORT_CODE and not enabled:
        return ""
    sets = own.keywords if own is not None and enabled else STANDARD
    found = find_keyword(body, sets, region_of(sender))
    if found is None:
        return ""
    scope = scope_of(service.sid if service is not None else None, owned.number)
    opted_out = await is_blocked(tx, owned.account_sid, scope, sender)
    if found.kind is KeywordKind.STOP:
        await block(tx, owned.account_sid, scope, sender)
    elif found.kind is KeywordKind.START:
        await unblock(tx, owned.account_sid, scope, sender)
    if found.reply and gets_reply(found.kind, opted_out=opted_out):
        await _send_reply(tx, owned, service, sender, found.reply, rules)
    return found.kind.value if enabled else ""


async def _send_reply(
    tx: Tx,
    owned: OwnedNumber,
    service: MessagingService | None,
    recipient: str,
    body: str,
    rules: MessageRules,
) -> None:
    read = parse_recipient(recipient)
    if read is None or read.kind is AddressKind.SHORT_CODE:
        return
    message = Message(
        sid=new_sid("SM"),
        account_sid=owned.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.REPLY.value,
        status=(MessageStatus.QUEUED if service is None else MessageStatus.ACCEPTED).value,
        sender=owned.number,
        recipient=recipient,
        body=body,
        service_sid=None if service is None else service.sid,
        options=encode_options(MessageOptions(automatic=True)),
    )
    try:
        await accept_message(
            tx,
            message,
            rules,
            service_validity=None if service is None else service.validity_period,
            owned=owned,
        )
    except QueueFull:
        log.warning("the queue of %s is full: a keyword stays without its reply", owned.number)
