"""Retention: ``/_trunkline/retention`` shows (GET) and changes (POST) for how many days an account's messages and their
attachments are kept.

They are the account's, in place of the options ``message_days`` and ``media_days`` of the server: ``MessageDays`` and
``MediaDays`` are 0, which keeps them, to a century; an empty value goes back to the server's, which is shown as null.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import FOR_ACCOUNT, Call, Empty, Operation, fetch, update
from trunkline.api.params import Given, Parser, given, integer
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.messages import old_messages
from trunkline.products.messaging.messages.old_messages import AccountDays

MAX_DAYS = 36_500


def _days() -> Parser:
    return Parser(integer(0, MAX_DAYS).parse, clears=True)


class RetentionChange(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a change."""

    message_days: Annotated[Given[int | None], _days()] = UNSET
    media_days: Annotated[Given[int | None], _days()] = UNSET


def view(days: AccountDays, urls: Urls) -> Json:
    """Return the account's days; None where the server's apply."""
    return {
        "account_sid": days.account_sid,
        "message_days": days.message_days,
        "media_days": days.media_days,
    }


async def fetch_retention(tx: Tx, call: Call[Empty]) -> AccountDays:
    """Return the account's own days."""
    return await old_messages.find_days(tx, call.account_sid)


async def update_retention(tx: Tx, call: Call[RetentionChange]) -> AccountDays:
    """Change the account's own days; what is not given stays."""
    await tx.lock(f"retention {call.account_sid}")
    before = await old_messages.find_days(tx, call.account_sid)
    days = msgspec.structs.replace(before, **given(call.input), date_updated=tx.now)
    await old_messages.set_days(tx, days)
    return days


OPERATIONS: tuple[Operation, ...] = (
    fetch("/retention", fetch_retention, view, **FOR_ACCOUNT),
    update("/retention", update_retention, view, RetentionChange, **FOR_ACCOUNT),
)
"""The operations of retention."""
