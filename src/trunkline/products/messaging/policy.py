"""The operator's rules for messages, and the default bounds of Messaging."""

from __future__ import annotations

import msgspec

from trunkline.settings.messaging import MessagingSettings

MAX_SCHEDULED = 500_000
"""Scheduled messages that an account may have waiting (doc)."""


class Rules(msgspec.Struct, frozen=True):
    """``countries`` are the ISO codes of those that may be sent to, all when it is empty; ``refuse_landlines`` refuses
    recipients that are known to be landlines; ``blocked_senders`` are alphanumeric senders, in small letters, beyond
    those that are always refused; ``max_scheduled`` bounds each account's scheduled messages."""

    countries: frozenset[str] = frozenset()
    refuse_landlines: bool = True
    blocked_senders: frozenset[str] = frozenset()
    max_scheduled: int = MAX_SCHEDULED


def read_rules(settings: MessagingSettings) -> Rules:
    """Return the operator's rules for messages."""
    return Rules(
        countries=frozenset(code.upper() for code in words(settings.geo_permissions)),
        refuse_landlines=settings.refuse_landlines,
        blocked_senders=frozenset(word.lower() for word in words(settings.blocked_sender_ids)),
        max_scheduled=settings.max_scheduled_messages,
    )


def words(listed: str) -> frozenset[str]:
    """Return the entries of a list that is separated by commas."""
    return frozenset(entry.strip() for entry in listed.split(",") if entry.strip())
