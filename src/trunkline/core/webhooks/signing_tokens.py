"""The cache of the tokens that sign webhooks: a busy account's is read thousands of times a second."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trunkline.core.clock import SECOND, Clock, has_passed

SigningToken = Callable[[str], Awaitable[str | None]]
"""A lookup of the primary auth token of an account; None if the account is suspended or closed."""

TTL = SECOND
"""The time in which a change of an account on another node may go unnoticed."""

_MAX_TOKENS = 1000
"""Accounts whose tokens are cached."""


class SigningTokens:
    """The results of ``find``, each kept for a second. A change on this node calls ``invalidate``."""

    def __init__(self, find: SigningToken, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._cache: dict[str, tuple[str, int]] = {}
        self._changes = 0

    async def __call__(self, account_sid: str) -> str | None:
        """Return the primary auth token of an account; None, which is not cached, if the account is not active."""
        now = self._clock()
        cached = self._cache.get(account_sid)
        if cached is not None and not has_passed(cached[1], TTL, now):
            return cached[0]
        changes = self._changes
        token = await self._find(account_sid)
        # A token found before a change is good for calls that began before it, and for nothing else.
        if token is not None and changes == self._changes:
            if len(self._cache) >= _MAX_TOKENS:
                self._cache.clear()
            self._cache[account_sid] = token, now
        return token

    def invalidate(self) -> None:
        """Drop every token: an account or its token has changed."""
        self._changes += 1
        self._cache.clear()
