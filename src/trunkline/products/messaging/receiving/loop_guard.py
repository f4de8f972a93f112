"""The loop guard: it stops two programs that reply to each other's messages. Pure; times are in microseconds.

After 15 replies between two numbers, each within 30 s of the one before, further ones fail with 14107 for 30 s
(doc). Rejected replies do not prolong that; after it, or once the clock was set back, counting begins anew (inferred).
"""

from __future__ import annotations

import msgspec

_SECOND = 1_000_000

REPLIES = 15
"""Replies that may follow each other so closely (doc)."""

CLOSE = 30 * _SECOND
PAUSE = 30 * _SECOND
STALE = CLOSE + PAUSE
"""Time after the last reply of an exchange for which the exchange counts."""

REPLY_LOOP = 14107
"""The error code of a reply that the loop guard rejects."""


class ReplyExchange(msgspec.Struct, frozen=True):
    """The replies from one number to another: the number of those that followed each other closely, the time of the
    last, and the time until which replies are rejected."""

    replies: int = 0
    last: int = 0
    refused_until: int = 0


class LoopDecision(msgspec.Struct, frozen=True):
    """The decision about a reply, and the exchange after it."""

    allowed: bool
    exchange: ReplyExchange


def decide_reply(exchange: ReplyExchange, now: int) -> LoopDecision:
    """Decide whether a reply may be sent at ``now``. A pair of numbers begins with ``ReplyExchange()``."""
    if exchange.refused_until - PAUSE <= now < exchange.refused_until:
        return LoopDecision(False, exchange)
    close = exchange.replies > 0 and 0 <= now - exchange.last <= CLOSE and not exchange.refused_until
    replies = exchange.replies + 1 if close else 1
    if replies > REPLIES:
        return LoopDecision(False, ReplyExchange(exchange.replies, exchange.last, now + PAUSE))
    return LoopDecision(True, ReplyExchange(replies, now))
