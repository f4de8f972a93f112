"""Messages with test credentials and their magic numbers: checked, but neither stored nor sent nor reported (doc).

The numbers below are the vendor's (doc). A Messaging Service cannot be used.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.composition import compose
from trunkline.products.messaging.lifecycle.message import Direction, Message, MessageStatus, encode_options
from trunkline.products.messaging.messages import checks
from trunkline.products.messaging.messages.parameters import CreateMessage, options_of
from trunkline.products.messaging.policy import MessageRules

GOOD_SENDER = "+15005550006"
"""The one sender that test credentials have (doc)."""

SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
"""Senders with their errors (doc); all others are 21606."""

RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
"""Recipients with their errors (doc); all others are checked as always."""


async def create_test_message(tx: Tx, call: Call[CreateMessage], rules: MessageRules) -> Message:
    """Return the response for a message that is not sent. Raise ApiError as the numbers and the checks have it."""
    params = call.input
    if isinstance(params.messaging_service_sid, str):
        raise ApiError(20008)
    if params.to in RECIPIENTS:
        raise _error(RECIPIENTS[params.to])
    to = checks.check_recipient(params, rules)
    if not isinstance(params.sender, str):
        raise ApiError(21603)
    if params.sender != GOOD_SENDER:
        raise _error(SENDERS.get(params.sender, 21606))
    if to.address == GOOD_SENDER:
        raise ApiError(21266)
    checks.check_content(params)
    body = "" if params.body is UNSET else params.body
    mms = checks.is_mms(params)
    message = Message(
        sid=new_sid("MM" if mms else "SM"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.API.value,
        status=MessageStatus.QUEUED.value,
        sender=GOOD_SENDER,
        recipient=to.address,
        body=body,
        num_media=len(params.media_url or ()),
        tags=params.tags or None,
        options=encode_options(options_of(params, None)),
    )
    segments = compose(body, smart=params.smart_encoded is True, mms=mms).segments
    return msgspec.structs.replace(message, num_segments=segments)


def _error(code: int) -> ApiError:
    return ApiError(code, headers={"Retry-After": "1"} if code == 21611 else None)
