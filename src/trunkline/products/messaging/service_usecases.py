"""Use cases of Messaging Services. They are the same for every account, and read-only."""

from __future__ import annotations

import msgspec

from trunkline.api.operation import Call, Empty, fetch
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx


class Usecase(msgspec.Struct, frozen=True):
    """A use case: its name, and its purpose in two lengths."""

    usecase: str
    description: str
    purpose: str


USECASES = (
    Usecase(
        "notifications",
        "Messages that an event in the recipient's own dealings sets off: deliveries, orders, accounts,"
        " reminders, fraud and security alerts, public announcements.",
        "Tell people what concerns them.",
    ),
    Usecase(
        "marketing",
        "Messages that advertise: offers, product news, invitations to buy or to take part.",
        "Promote what is on offer.",
    ),
    Usecase(
        "verification",
        "One-time codes and other messages that prove who somebody is, at log-in, sign-up or payment.",
        "Verify people.",
    ),
    Usecase(
        "discussion",
        "Conversations in both directions, between people or between people and an organization.",
        "Talk with people.",
    ),
    Usecase("poll", "Questions whose answers are counted: surveys, votes, feedback.", "Ask people."),
    Usecase("undeclared", "The purpose has not been stated.", "Not stated."),
)
"""The six values (seed) in the seed's order; the texts are ours."""


def view(usecases: tuple[Usecase, ...], urls: Urls) -> Json:
    """Return the list of use cases (spec), which is no page."""
    return {"usecases": [msgspec.to_builtins(usecase) for usecase in usecases]}


async def fetch_usecases(tx: Tx, call: Call[Empty]) -> tuple[Usecase, ...]:
    """Return all use cases."""
    return USECASES


OPERATIONS = (fetch("/Services/Usecases", fetch_usecases, view),)
