"""Messages (SM…, MM…): the resource of the 2010 API by which everything is sent, and that shows what was received."""

from __future__ import annotations

from typing import Any

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
    Status,
    encode_options,
    find_message,
)
from trunkline.products.messaging.media.store import all_media, delete_contents
from trunkline.products.messaging.messages import checks
from trunkline.products.messaging.messages.changes import cancel_scheduled, redact
from trunkline.products.messaging.messages.checks import Named, Sender
from trunkline.products.messaging.messages.feedback import expect_feedback
from trunkline.products.messaging.messages.listing import MessageFilters, order_of, page_messages
from trunkline.products.messaging.messages.parameters import CreateMessage, UpdateMessage, options_of
from trunkline.products.messaging.messages.scheduling import ScheduleRoom, check_schedule
from trunkline.products.messaging.messages.test_credentials import rehearse
from trunkline.products.messaging.messages.view import view
from trunkline.products.messaging.numbers.owned import Owned, owned_by_account, owner_of
from trunkline.products.messaging.numbers.parsing import Recipient
from trunkline.products.messaging.opt_outs.blocks import is_blocked, scope_of
from trunkline.products.messaging.policy import Rules
from trunkline.products.messaging.senders.pool import in_pool
from trunkline.products.messaging.sending.accept import QueueFull, accept
from trunkline.products.messaging.services import Service
from trunkline.products.messaging.services import find as find_service


class Creating:
    """Creates messages under the operator's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._room = ScheduleRoom(rules.max_scheduled)

    async def create_message(self, tx: Tx, call: Call[CreateMessage]) -> Message:
        """Accept a message: queued at its sender, or accepted or scheduled by its Service (doc). Raises ApiError as
        the checks do."""
        asked, account_sid = call.input, call.account_sid
        to = checks.check_recipient(asked, self._rules)
        sender = checks.check_sender(asked, to, self._rules)
        checks.check_content(asked)
        service = await _service(tx, account_sid, asked, sender)
        owned = None
        if sender is not None:
            converts = service is not None and service.mms_converter
            owned = await _check_own(tx, account_sid, sender, to, mms=checks.is_mms(asked), converts=converts)
        send_at = check_schedule(asked, tx.now)
        if send_at is not None:
            await self._room.take(tx, account_sid)
        await _check_application(tx, account_sid, asked)
        checks.check_country(to, self._rules)
        if service is None:
            await _check_consent(tx, account_sid, sender, owned, to)
        message = _made(tx, call, to, sender, send_at)
        try:
            validity = None if service is None else service.validity_period
            message = await accept(tx, message, service_validity=validity, owned=owned)
        except QueueFull:
            raise ApiError(21611, headers={"Retry-After": "1"}) from None
        if asked.provide_feedback is True:
            await expect_feedback(tx, account_sid, message.sid)
        return message


_ANY_SENDER = """
SELECT sid FROM messaging_senders WHERE account_sid = :account_sid AND service_sid = :service_sid LIMIT 1
"""


async def _service(tx: Tx, account_sid: str, asked: CreateMessage, sender: Sender | None) -> Service | None:
    """The Service that the message goes through. Raises ApiError 21701, 21704, 21711."""
    sid = asked.messaging_service_sid
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


async def _check_own(
    tx: Tx, account_sid: str, sender: Sender, to: Recipient, *, mms: bool, converts: bool
) -> Owned | None:
    """See that the sender is the account's and can send this; answers it, None for a text. An MMS that its Service
    ``converts`` may go from any sender. Raises ApiError 21659, 21660, and as ``check_owned``."""
    if sender.named is Named.ALPHA:
        if mms and not converts:
            raise ApiError(21621)
        return None
    owned = await owned_by_account(tx, account_sid, sender.value)
    if owned is None:
        raise ApiError(21659 if await owner_of(tx, sender.value) is None else 21660)
    checks.check_owned(owned, to, mms=mms, converts=converts)
    return owned


async def _check_consent(
    tx: Tx, account_sid: str, sender: Sender | None, owned: Owned | None, to: Recipient
) -> None:
    """Raises ApiError 21610 for a recipient who opted out of the sender, or of the Service in whose pool it is.
    Through a Service the message is accepted, and fails when it is sent (doc)."""
    if sender is None or sender.named is Named.ALPHA:
        return
    pool = owned.service_sid if owned else None
    if await is_blocked(tx, account_sid, scope_of(pool, sender.value), to.address):
        raise ApiError(21610)


async def _check_application(tx: Tx, account_sid: str, asked: CreateMessage) -> None:
    sid = asked.application_sid
    if isinstance(sid, str) and await find_application(tx, account_sid, sid) is None:
        raise ApiError(21218)


def _made(
    tx: Tx, call: Call[CreateMessage], to: Recipient, sender: Sender | None, send_at: int | None
) -> Message:
    asked = call.input
    service_sid = asked.messaging_service_sid if isinstance(asked.messaging_service_sid, str) else None
    status = Status.QUEUED if service_sid is None else Status.ACCEPTED
    return Message(
        sid=new_sid("MM" if checks.is_mms(asked) else "SM"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.API.value,
        status=(status if send_at is None else Status.SCHEDULED).value,
        sender=None if sender is None else sender.value,
        recipient=to.address,
        body="" if asked.body is UNSET else asked.body,
        service_sid=service_sid,
        num_media=len(asked.media_url or ()),
        tags=asked.tags or None,
        status_callback=asked.status_callback or None,
        application_sid=asked.application_sid or None,
        options=encode_options(options_of(asked, send_at)),
    )


async def fetch_message(tx: Tx, call: Call[Empty]) -> Message | None:
    """One of the account's messages, sent or received."""
    return await find_message(tx, call.account_sid, call.path["Sid"])


async def update_message(tx: Tx, call: Call[UpdateMessage]) -> Message | None:
    """Redact a message that is finished, by an empty ``Body``, or cancel one that is scheduled (doc). Raises ApiError
    20009 and 30409 when it is not, 20001 for another text."""
    asked = call.input
    if asked.body is not UNSET and asked.body:
        raise invalid("Body", "must be empty: that redacts the message")
    message = await find_message(tx, call.account_sid, call.path["Sid"])
    if message is not None and asked.status is not UNSET:
        message = await cancel_scheduled(tx, message)
    if message is not None and asked.body is not UNSET:
        message = await redact(tx, message)
    return message


_DELETE = """
DELETE FROM messages WHERE account_sid = :account_sid AND sid = :sid AND status = :status
"""


async def delete_message(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a message that is finished, with its attachments. Raise ApiError 20009 if it is not (doc)."""
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


def operations(rules: Rules) -> tuple[Operation, ...]:
    """The operations, under the operator's rules."""

    async def rehearsal(tx: Tx, call: Call[Any]) -> Message:
        return await rehearse(tx, call, rules)

    making: Act = Creating(rules).create_message
    return (
        create(_LIST, making, view, CreateMessage, test_action=rehearsal),
        listing(_LIST, "messages", page_messages, view, input=MessageFilters, ordering=order_of),
        fetch(_ONE, fetch_message, view),
        update(_ONE, update_message, view, UpdateMessage),
        delete(_ONE, delete_message),
    )
