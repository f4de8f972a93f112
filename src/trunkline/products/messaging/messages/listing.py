"""The list of messages: newest first, by recipient, sender and time of sending.

Without a time the messages are ordered by creation, with one by sending, without those that were not sent yet. For each
combination of filters an index holds the order.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call
from trunkline.api.paging import NEWEST_FIRST, Order
from trunkline.api.params import Given, Parser, named
from trunkline.core.dates import Period
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.messages.time_filters import filtered_period, period_parser
from trunkline.products.messaging.numbers.parsing import parse_recipient

LAST_SENT_FIRST = Order("date_sent", "sid", descending=True)


def _address() -> Parser:
    """Return the parser of an address into the form of messages' addresses; a text that is none stays as it is."""

    def parse(name: str, value: str) -> str:
        found = parse_recipient(value)
        return value if found is None else found.address

    return Parser(parse, clears=True)


class MessageFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list (doc): the bounds are inclusive."""

    to: Annotated[Given[str | None], _address()] = UNSET
    sender: Annotated[Given[str | None], _address(), named("From")] = UNSET
    date_sent: Annotated[Given[Period | None], period_parser()] = UNSET
    sent_until: Annotated[Given[Period | None], period_parser(), named("DateSent<")] = UNSET
    sent_since: Annotated[Given[Period | None], period_parser(), named("DateSent>")] = UNSET


def _when(params: MessageFilters) -> Period | None:
    return filtered_period(params.date_sent, params.sent_since, params.sent_until)


def order_of(params: MessageFilters) -> Order:
    """Return the list's order."""
    return NEWEST_FIRST if _when(params) is None else LAST_SENT_FIRST


async def page_messages(tx: Tx, call: Call[MessageFilters]) -> WalkResult[Message]:
    """Return a page of the account's messages, sent and received."""
    params, when, window = call.input, _when(call.input), call.window
    held, values = ["account_sid = :account_sid"], {"account_sid": call.account_sid}
    if isinstance(params.to, str):
        held.append("recipient = :recipient")
        values["recipient"] = params.to
    if isinstance(params.sender, str):
        held.append("sender = :sender")
        values["sender"] = params.sender
    if when is not None:
        # The index of these holds no others.
        held.append("date_sent IS NOT NULL")
        window = window.between(when.start, when.end)
    return await walk(tx, Message, ListQuery("messages", tuple(held)), window.span, **values)
