"""Watching messages on their way: until they are in a state, and which callbacks that set off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, Api
from trunkline.core.egress.client import Egress
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timings
from trunkline.core.storage.database import Row, Tx
from trunkline.core.webhooks import attempts
from trunkline.core.webhooks.attempts import Attempt
from trunkline.core.webhooks.webhook import Webhook
from trunkline.transports.sandbox.phones import SandboxMessage, newest

PATIENCE = 20.0
HOOK = "https://hooks.example.com"
"""An address without a server: the requests to it are in the log."""


class _LogEntry(Row, frozen=True):
    account_sid: str
    sid: str


@pytest.fixture
def hooks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Respond to every callback with 204 at once, without a network; no two callbacks are at the same time."""

    async def send(self: Egress, outgoing: EgressRequest) -> EgressResponse:
        api.clock.now += 1
        return EgressResponse(204, (), b"", False, "192.0.2.1", Timings(0, 0, 0))

    monkeypatch.setattr(Egress, "send", send)


def until(api: Api, done: Callable[[], Any], *, step: float = 0) -> Any:
    """Let the node work until ``done`` answers something true; answers that. ``step`` is how many seconds pass for
    the node between two looks."""

    async def wait() -> Any:
        async with asyncio.timeout(PATIENCE):
            while not (found := await done()):
                # No two moments are the same, however quick the machine.
                api.clock.now += 1
                api.clock.advance(step)
                api.messaging.wake()
                await asyncio.sleep(0)
        return found

    return api.run(wait())


def reaches(
    api: Api, sid: str, *statuses: str, account_sid: str = ACCOUNT_SID, step: float = 0
) -> dict[str, Any]:
    """Let the node work until the message has one of the states; return it, when its account is the test's."""

    async def poll() -> Any:
        found: str | None = await api.node.database.read(
            lambda tx: tx.value("SELECT status FROM messages WHERE sid = :sid", sid=sid)
        )
        return found in statuses

    until(api, poll, step=step)
    body: dict[str, Any] = api.get(f"/2010-04-01/Accounts/{account_sid}/Messages/{sid}.json").json()
    return body


def callbacks(api: Api, sid: str) -> list[dict[str, str]]:
    """Return the status callbacks of a message, in their order, once none is under way."""

    async def idle(tx: Tx) -> bool:
        return await tx.value("SELECT id FROM jobs WHERE kind = 'webhook' LIMIT 1") is None

    async def none_left() -> bool:
        return await api.node.database.read(idle)

    until(api, none_left)

    async def read(tx: Tx) -> list[Attempt]:
        logged = await tx.all(
            _LogEntry, "SELECT account_sid, sid FROM webhook_attempts ORDER BY started, sid"
        )
        found = [await attempts.find(tx, one.account_sid, one.sid) for one in logged]
        return [one for one in found if one is not None]

    logged = [msgspec.json.decode(one.webhook, type=Webhook) for one in api.run(api.node.database.read(read))]
    by_token = {webhook.token: dict(webhook.parameters) for webhook in logged}
    return [one for one in by_token.values() if one.get("MessageSid") == sid]


def states(reports: list[dict[str, str]]) -> list[str]:
    """Return the states that callbacks reported."""
    return [one["MessageStatus"] for one in reports]


def phone(api: Api, number: str) -> list[SandboxMessage]:
    """Return what a virtual phone received and sent, oldest first."""
    found: list[SandboxMessage] = api.run(
        api.node.database.read(lambda tx: newest(tx, ACCOUNT_SID, number, 500))
    )
    return found[::-1]


def query(url: str) -> dict[str, str]:
    """Return the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query))
