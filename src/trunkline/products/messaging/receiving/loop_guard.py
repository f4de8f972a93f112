"""The loop guard: two programs that answer each other's messages are stopped. Pure; times are in microseconds.

More than 15 replies between two numbers, each within 30 s of the one before, make further ones fail with 14107 for
30 s (doc). Refused replies do not prolong that; after it counting begins anew (inferred).
"""

from __future__ import annotations

import msgspec

_SECOND = 1_000_000

REPLIES = 15
"""How many replies may follow each other so closely (doc)."""

CLOSE = 30 * _SECOND
PAUSE = 30 * _SECOND
STALE = CLOSE + PAUSE
"""So long after its last reply, nothing that is known of an exchange counts any more."""

LOOP = 14107
"""The error code of a reply that is refused."""


class Exchange(msgspec.Struct, frozen=True):
    """What is known of the replies from one number to another: how many followed each other closely, when the last
    was, and until when replies are refused."""

    replies: int = 0
    last: int = 0
    refused_until: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """Whether a reply may go, and what is known after it."""

    allowed: bool
    exchange: Exchange


def judge(exchange: Exchange, now: int) -> Verdict:
    """May a reply go at ``now``? A pair of numbers begins with ``Exchange()``."""
    if now < exchange.refused_until:
        return Verdict(False, exchange)
    close = exchange.replies > 0 and now - exchange.last <= CLOSE and not exchange.refused_until
    replies = exchange.replies + 1 if close else 1
    if replies > REPLIES:
        return Verdict(False, Exchange(exchange.replies, exchange.last, now + PAUSE))
    return Verdict(True, Exchange(replies, now))
