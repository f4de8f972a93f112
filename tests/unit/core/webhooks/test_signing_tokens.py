"""Signing tokens: fetched once a second, and at once after a change on this node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from trunkline.core.clock import SECOND
from trunkline.core.webhooks.signing_tokens import TTL, SigningTokens


class Accounts:
    """Accounts with their tokens, and the number of fetches; at ``now``."""

    def __init__(self) -> None:
        self.tokens: dict[str, str | None] = {"AC1": "one", "AC2": "two"}
        self.requested: list[str] = []
        self.now = 1000 * SECOND
        self.gate: asyncio.Event | None = None
        self.kept = SigningTokens(self._find, lambda: self.now)

    async def _find(self, account_sid: str) -> str | None:
        self.requested.append(account_sid)
        token = self.tokens[account_sid]
        if self.gate is not None:
            await self.gate.wait()
        return token


def run(body: Callable[[Accounts], Awaitable[None]]) -> None:
    async def whole() -> None:
        await body(Accounts())

    asyncio.run(whole())


def test_a_token_is_kept_for_a_second() -> None:
    async def body(accounts: Accounts) -> None:
        for _ in range(3):
            assert [await accounts.kept(sid) for sid in ("AC1", "AC2")] == ["one", "two"]
        assert accounts.requested == ["AC1", "AC2"]
        accounts.tokens["AC1"] = "new"
        accounts.now += TTL - 1
        assert await accounts.kept("AC1") == "one"
        accounts.now += 1
        assert await accounts.kept("AC1") == "new"

    run(body)


def test_a_change_counts_at_once() -> None:
    async def body(accounts: Accounts) -> None:
        assert await accounts.kept("AC1") == "one"
        accounts.tokens["AC1"] = None
        accounts.kept.invalidate()
        assert await accounts.kept("AC1") is None
        accounts.tokens["AC1"] = "again"
        assert await accounts.kept("AC1") == "again"

    run(body)


def test_what_was_found_before_a_change_is_not_kept() -> None:
    async def body(accounts: Accounts) -> None:
        accounts.gate = asyncio.Event()
        asking = asyncio.create_task(accounts.kept("AC1"))  # type: ignore[arg-type]
        while not accounts.requested:
            await asyncio.sleep(0)
        accounts.tokens["AC1"] = None
        accounts.kept.invalidate()
        accounts.gate.set()
        assert await asking == "one"
        assert await accounts.kept("AC1") is None

    run(body)


def test_many_accounts_are_not_kept_for_ever() -> None:
    async def body(accounts: Accounts) -> None:
        accounts.tokens = {f"AC{n}": "t" for n in range(3000)}
        for sid in accounts.tokens:
            await accounts.kept(sid)
        assert len(accounts.kept._cache) <= 1000

    run(body)
