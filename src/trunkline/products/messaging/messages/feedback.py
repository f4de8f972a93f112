"""Message feedback: whether the recipient of a message did what it requested (doc).

A message that was created with ``ProvideFeedback`` begins as unconfirmed; feedback may be given on any message that
was sent (inferred).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, create
from trunkline.api.params import Given, choice
from trunkline.api.views import Json, Urls
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.messages.view import message_uri

CONFIRMED = "confirmed"
UNCONFIRMED = "unconfirmed"


class CreateFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create."""

    outcome: Annotated[Given[str], choice(CONFIRMED, UNCONFIRMED)] = UNSET


class Feedback(Row, frozen=True):
    """A row of ``message_feedback``."""

    message_sid: str
    account_sid: str
    outcome: str
    date_created: int
    date_updated: int


def view(feedback: Feedback, urls: Urls) -> Json:
    """Return the Feedback resource (spec)."""
    uri = message_uri(feedback.account_sid, feedback.message_sid, urls.version)
    return {
        "account_sid": feedback.account_sid,
        "date_created": rfc2822(feedback.date_created),
        "date_updated": rfc2822(feedback.date_updated),
        "message_sid": feedback.message_sid,
        "outcome": feedback.outcome,
        "uri": f"{uri}/Feedback.json",
    }


async def expect_feedback(tx: Tx, account_sid: str, message_sid: str) -> None:
    """Record that feedback is expected."""
    await tx.insert("message_feedback", Feedback(message_sid, account_sid, UNCONFIRMED, tx.now, tx.now))


_GIVE = f"""
INSERT INTO message_feedback ({columns(Feedback)})
VALUES (:message_sid, :account_sid, :outcome, :now, :now)
ON CONFLICT (message_sid) DO UPDATE SET outcome = excluded.outcome, date_updated = excluded.date_updated
RETURNING {columns(Feedback)}
"""


async def create_feedback(tx: Tx, call: Call[CreateFeedback]) -> Feedback | None:
    """Record feedback, or change it; confirmed by default (doc). Return None if there is no such message."""
    message_sid, outcome = call.path["MessageSid"], call.input.outcome
    if await find_message(tx, call.account_sid, message_sid) is None:
        return None
    return await tx.one(
        Feedback,
        _GIVE,
        message_sid=message_sid,
        account_sid=call.account_sid,
        outcome=CONFIRMED if outcome is UNSET else outcome,
        now=tx.now,
    )


OPERATIONS = (
    create(
        "/Accounts/{AccountSid}/Messages/{MessageSid}/Feedback",
        create_feedback,
        view,
        CreateFeedback,
        status=200,
    ),
)
