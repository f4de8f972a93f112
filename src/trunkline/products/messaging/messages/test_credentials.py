"""Messages with test credentials: checked and answered, neither kept nor sent nor called back (doc).

The numbers below are the vendor's (doc). A Messaging Service cannot be rehearsed.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.composition import compose
from trunkline.products.messaging.lifecycle.message import Direction, Message, Status, encode_options
from trunkline.products.messaging.messages import checks
from trunkline.products.messaging.messages.parameters import CreateMessage, options_of
from trunkline.products.messaging.policy import Rules

GOOD_SENDER = "+15005550006"
"""The one sender that test credentials have (doc)."""

SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
"""What is refused of a sender (doc); all others are 21606."""

RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
"""What is refused of a recipient (doc); all others are looked at as always."""


async def rehearse(tx: Tx, call: Call[CreateMessage], rules: Rules) -> Message:
    """The answer to a message that is not sent. Raises ApiError as the numbers want it, and as the checks do."""
    asked = call.input
    if isinstance(asked.messaging_service_sid, str):
        raise ApiError(20008)
    if asked.to in RECIPIENTS:
        raise _refusal(RECIPIENTS[asked.to])
    to = checks.check_recipient(asked, rules)
    if not isinstance(asked.sender, str):
        raise ApiError(21603)
    if asked.sender != GOOD_SENDER:
        raise _refusal(SENDERS.get(asked.sender, 21606))
    if to.address == GOOD_SENDER:
        raise ApiError(21266)
    checks.check_content(asked)
    body = "" if asked.body is UNSET else asked.body
    mms = checks.is_mms(asked)
    message = Message(
        sid=new_sid("MM" if mms else "SM"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        date_sent=None,
        direction=Direction.API.value,
        status=Status.QUEUED.value,
        sender=GOOD_SENDER,
        recipient=to.address,
        body=body,
        num_media=len(asked.media_url or ()),
        tags=asked.tags or None,
        options=encode_options(options_of(asked, None)),
    )
    segments = compose(body, smart=asked.smart_encoded is True, mms=mms).segments
    return msgspec.structs.replace(message, num_segments=segments)


def _refusal(code: int) -> ApiError:
    return ApiError(code, headers={"Retry-After": "1"} if code == 21611 else None)
