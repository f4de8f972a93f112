"""The list of messages: newest first, by recipient, sender and time of sending.

Without a time the messages are ordered by creation, and an index holds that order for all messages, those of a
recipient and those of a sender. With a time they are ordered by sending, without those that were not sent yet.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call
from trunkline.api.paging import NEWEST_FIRST, Order
from trunkline.api.params import Given, Parser, named
from trunkline.core.dates import Period
from trunkline.core.storage.database import Tx, columns
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


_ALL = f"SELECT {columns(Message)} FROM messages WHERE account_sid = :account_sid "
_TO = "AND recipient = :recipient "
_FROM = "AND sender = :sender "
_SENT = "AND date_sent >= :start AND date_sent < :end "
# One sender may have sent most of an account's messages: the time is the index to go by, hence the empty text.
_FROM_WHILE_SENT = "AND sender || '' = :sender "


async def page_messages(tx: Tx, call: Call[MessageFilters]) -> list[Message]:
    """Return a page of the account's messages, sent and received."""
    params, when = call.input, _when(call.input)
    query = _ALL
    values: dict[str, str | int] = {"account_sid": call.account_sid}
    if isinstance(params.to, str):
        query += _TO
        values["recipient"] = params.to
    if isinstance(params.sender, str):
        query += _FROM if when is None else _FROM_WHILE_SENT
        values["sender"] = params.sender
    if when is not None:
        query += _SENT
        values |= {"start": when.start, "end": when.end}
    return await tx.all(Message, query + call.window.tail, **values, **call.window.values)
