"""Messages (SM…, MM…): the resource of the 2010 API for sending, and for the messages that were received."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.api.operation import Act, Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.applications import find_application
from trunkline.products.messaging.lifecycle.message import (
    FINISHED,
    Direction,
    Message,
    MessageStatus,
    encode_options,
    find_message,
)
from trunkline.products.messaging.lifecycle.status_changes import cancel_message, without_text
from trunkline.products.messaging.media.store import all_media, delete_contents
from trunkline.products.messaging.messages import checks
from trunkline.products.messaging.messages.checks import RequestedSender, SenderForm
from trunkline.products.messaging.messages.feedback import expect_feedback
from trunkline.products.messaging.messages.listing import MessageFilters, order_of, page_messages
from trunkline.products.messaging.messages.magic_messages import create_test_message
from trunkline.products.messaging.messages.parameters import CreateMessage, UpdateMessage, options_of
from trunkline.products.messaging.messages.scheduling import ScheduleLimit, check_schedule
from trunkline.products.messaging.messages.view import view
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber, owned_by_account, owner_of
from trunkline.products.messaging.numbers.parsing import Recipient
from trunkline.products.messaging.opt_outs.blocks import is_blocked, scope_of
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.senders.candidates import in_pool
from trunkline.products.messaging.sending.accept import QueueFull, accept_message
from trunkline.products.messaging.services import MessagingService, find_service


class MessageCreator:
    """The create action, under the operator's rules."""

    def __init__(self, rules: MessageRules) -> None:
        self._rules = rules
        self._schedule_limit = ScheduleLimit(rules.max_scheduled)

    async def create_message(self, tx: Tx, call: Call[CreateMessage]) -> Message:
        """Accept a message: queued at its sender, or accepted or scheduled by its Service (doc). Raise ApiError if
        a check fails."""
        params, account_sid = call.input, call.account_sid
        to = checks.check_recipient(params, self._rules)
        sender = checks.check_sender(params, to, self._rules)
        checks.check_content(params)
        service = await _service(tx, account_sid, params, sender)
        owned = None
        if sender is not None:
            converts = service is not None and service.mms_converter
            owned = await _check_owned(
                tx, account_sid, sender, to, mms=checks.is_mms(params), converts=converts
            )
        send_at = check_schedule(params, tx.now)
        if send_at is not None:
            await self._schedule_limit.reserve(tx, account_sid)
        await _check_application(tx, account_sid, params)
        checks.check_country(to, self._rules)
        if service is None:
            await _check_opt_out(tx, account_sid, sender, owned, to)
        message = _message_of(tx, call, to, sender, send_at)
        try:
            validity = None if service is None else service.validity_period
            message = await accept_message(tx, message, self._rules, service_validity=validity, owned=owned)
        except QueueFull:
            raise ApiError(21611, headers={"Retry-After": "1"}) from None
        if params.provide_feedback is True:
            await expect_feedback(tx, account_sid, message.sid)
        return message


_ANY_SENDER = """
SELECT sid FROM live_messaging_senders WHERE account_sid = :account_sid AND service_sid = :service_sid LIMIT 1
"""


async def _service(
    tx: Tx, account_sid: str, params: CreateMessage, sender: RequestedSender | None
) -> MessagingService | None:
    """Return the Service of the message. Raise ApiError 21701, 21704 or 21711 if it cannot send it."""
    sid = params.messaging_service_sid
    if not isinstance(sid, str):
        return None
    service = await find_service(tx, account_sid, sid)
    if service is None:
        raise ApiError(21701)
    if sender is None:
        if await tx.value(_ANY_SENDER, account_sid=account_sid, service_sid=sid) is None:
            raise ApiError(21704)
    elif await in_pool(tx, account_sid, sid, sender.value) is None:
        raise ApiError(21711)
    return service


async def _check_owned(
    tx: Tx, account_sid: str, sender: RequestedSender, to: Recipient, *, mms: bool, converts: bool
) -> OwnedNumber | None:
    """Check that the sender is the account's and can send this; return it, or None for a text. An MMS that its
    Service ``converts`` may be sent by any sender. Raise ApiError 21659 or 21660 if it is not the account's, and as
    ``check_owned``."""
    if sender.named is SenderForm.ALPHA:
        if mms and not converts:
            raise ApiError(21621)
        return None
    owned = await owned_by_account(tx, account_sid, sender.value)
    if owned is None:
        raise ApiError(21659 if await owner_of(tx, sender.value) is None else 21660)
    checks.check_owned(owned, to, mms=mms, converts=converts)
    return owned


async def _check_opt_out(
    tx: Tx, account_sid: str, sender: RequestedSender | None, owned: OwnedNumber | None, to: Recipient
) -> None:
    """Raise ApiError 21610 for a recipient who opted out of the sender, or of the Service in whose pool it is.
    Through a Service the message is accepted, and fails when it is sent (doc)."""
    if sender is None or sender.named is SenderForm.ALPHA:
        return
    pool = owned.service_sid if owned else None
    if await is_blocked(tx, account_sid, scope_of(pool, sender.value), to.address):
        raise ApiError(21610)


async def _check_application(tx: Tx, account_sid: str, params: CreateMessage) -> None:
    sid = params.application_sid
    if isinstance(sid, str) and await find_application(tx, account_sid, sid) is None:
        raise ApiError(21218)


def _message_of(
    tx: Tx, call: Call[CreateMessage], to: Recipient, sender: RequestedSender | None, send_at: int | None
) -> Message:
    params = call.input
    service_sid = params.messaging_service_sid if isinstance(params.messaging_service_sid, str) else None
    status = MessageStatus.QUEUED if service_sid is None else MessageStatus.ACCEPTED
    return Message(
        sid=new_sid("MM" if checks.is_mms(params) else "SM"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.API.value,
        status=(status if send_at is None else MessageStatus.SCHEDULED).value,
        sender=None if sender is None else sender.value,
        recipient=to.address,
        body="" if params.body is UNSET else params.body,
        service_sid=service_sid,
        num_media=len(params.media_url or ()),
        tags=params.tags or None,
        status_callback=params.status_callback or None,
        application_sid=params.application_sid or None,
        options=encode_options(options_of(params, send_at)),
    )


async def fetch_message(tx: Tx, call: Call[Empty]) -> Message | None:
    """Return one of the account's messages, sent or received."""
    return await find_message(tx, call.account_sid, call.path["Sid"])


async def update_message(tx: Tx, call: Call[UpdateMessage]) -> Message | None:
    """Redact a message that is finished, by an empty ``Body``, or cancel one that is scheduled (doc). Raise
    ApiError 20009 and 30409 if it is not, 20001 for another text."""
    params = call.input
    if params.body is not UNSET and params.body:
        raise invalid("Body", "must be empty: that redacts the message")
    message = await find_message(tx, call.account_sid, call.path["Sid"])
    if message is not None and params.status is not UNSET:
        message = await _cancel(tx, message)
    if message is not None and params.body is not UNSET:
        message = await _redact(tx, message)
    return message


_REDACT = """
UPDATE messages SET body = :body, options = :options, date_updated = :now
WHERE account_sid = :account_sid AND sid = :sid
"""


async def _cancel(tx: Tx, message: Message) -> Message:
    """Cancel a message that is scheduled. Raise ApiError 30409 if it is not, or is just being sent."""
    canceled = await cancel_message(tx, message) if message.status == MessageStatus.SCHEDULED else None
    if canceled is None:
        raise ApiError(30409)
    return canceled


async def _redact(tx: Tx, message: Message) -> Message:
    """Erase the text of a message that is finished. Raise ApiError 20009 if it is not."""
    if message.status not in FINISHED:
        raise ApiError(20009)
    changes = without_text(message)
    await tx.run(_REDACT, account_sid=message.account_sid, sid=message.sid, **changes, now=tx.now)
    return msgspec.structs.replace(message, **changes, date_updated=tx.now)


_DELETE = """
DELETE FROM messages WHERE account_sid = :account_sid AND sid = :sid AND status = :status
"""


async def delete_message(tx: Tx, call: Call[Empty]) -> bool:
    """Delete a message that is finished, with its attachments. Raise ApiError 20009 if it is not (doc)."""
    message = await find_message(tx, call.account_sid, call.path["Sid"])
    if message is None:
        return False
    if message.status not in FINISHED:
        raise ApiError(20009)
    media = await all_media(tx, call.account_sid, message.sid)
    if not await tx.run(_DELETE, account_sid=call.account_sid, sid=message.sid, status=message.status):
        return False
    # Their rows went with the message.
    await delete_contents(tx, media)
    return True


_LIST = "/Accounts/{AccountSid}/Messages"
_ONE = f"{_LIST}/{{Sid}}"


def operations(rules: MessageRules) -> tuple[Operation, ...]:
    """Return the operations, under the operator's rules."""

    async def test_action(tx: Tx, call: Call[Any]) -> Message:
        return await create_test_message(tx, call, rules)

    making: Act = MessageCreator(rules).create_message
    return (
        create(_LIST, making, view, CreateMessage, test_action=test_action),
        listing(_LIST, "messages", page_messages, view, input=MessageFilters, ordering=order_of),
        fetch(_ONE, fetch_message, view),
        update(_ONE, update_message, view, UpdateMessage),
        delete(_ONE, delete_message),
    )
