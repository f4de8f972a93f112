"""The tokens that sign webhooks, kept for a moment: a busy account's is asked for thousands of times a second."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trunkline.core.clock import SECOND, Clock

SigningToken = Callable[[str], Awaitable[str | None]]
"""Answers the primary auth token of an account; None when the account is suspended or closed."""

KEPT = SECOND
"""How long a change of an account that happened on another node may go unnoticed."""

_MOST = 1000
"""Accounts whose tokens are kept."""


class SigningTokens:
    """Answers from ``find``, or from its answer of the last second. A change on this node is told by ``forget``."""

    def __init__(self, find: SigningToken, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._kept: dict[str, tuple[str, int]] = {}
        self._changes = 0

    async def __call__(self, account_sid: str) -> str | None:
        """The primary auth token of an account; None when the account is not active, which is not kept."""
        now = self._clock()
        kept = self._kept.get(account_sid)
        if kept is not None and now < kept[1]:
            return kept[0]
        changes = self._changes
        token = await self._find(account_sid)
        # What was found before a change is good for what began before it, and for nothing else.
        if token is not None and changes == self._changes:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[account_sid] = token, now + KEPT
        return token

    def forget(self) -> None:
        """Ask again: an account or its token has changed."""
        self._changes += 1
        self._kept.clear()
