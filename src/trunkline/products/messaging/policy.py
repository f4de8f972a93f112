"""The operator's rules for messages, and the default bounds of Messaging."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.settings.messaging import MessagingSettings
from trunkline.settings.values import countries

MAX_SCHEDULED = 500_000
"""Scheduled messages of an account at a time (doc)."""


class MessageRules(msgspec.Struct, frozen=True):
    """The operator's rules for messages. ``countries`` are the ISO codes of the countries that may be sent to, all
    if it is empty; ``refuse_landlines`` rejects recipients that are landlines by their numbers; ``blocked_senders``
    are alphanumeric senders, in lower case, beyond those that are always rejected; ``max_scheduled`` bounds each
    account's scheduled messages; ``lacked_characters`` returns the characters of the GSM alphabet that the carrier of
    a sender, a recipient and its number's preferred carrier lacks."""

    countries: frozenset[str] = frozenset()
    refuse_landlines: bool = True
    blocked_senders: frozenset[str] = frozenset()
    max_scheduled: int = MAX_SCHEDULED
    lacked_characters: Callable[[str, str, str], frozenset[str]] = lambda *_: frozenset()


def read_rules(settings: MessagingSettings) -> MessageRules:
    """Return the operator's rules for messages."""
    return MessageRules(
        countries=countries(settings.geo_permissions),
        refuse_landlines=settings.refuse_landlines,
        blocked_senders=frozenset(word.lower() for word in split_list(settings.blocked_sender_ids)),
        max_scheduled=settings.max_scheduled_messages,
        lacked_characters=settings.lacked_characters,
    )


def split_list(listed: str) -> frozenset[str]:
    """Return the entries of a list that is separated by commas."""
    return frozenset(entry.strip() for entry in listed.split(",") if entry.strip())
