"""The operator's policy for Messaging: approvals, the size of pools, and the rules for messages."""

from __future__ import annotations

import msgspec

MAX_SENDERS = 400
"""Phone numbers and short codes in the pool of a Service (doc)."""

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


class Policy(msgspec.Struct, frozen=True):
    """The operator's decisions: ``approve_at_once`` approves registrations with carriers when they are made; a Service
    has at most ``max_senders`` phone numbers and short codes; ``rules`` are for messages."""

    approve_at_once: bool = True
    max_senders: int = MAX_SENDERS
    rules: Rules = Rules()


def words(listed: str) -> frozenset[str]:
    """The entries of a list that is separated by commas."""
    return frozenset(entry.strip() for entry in listed.split(",") if entry.strip())
