"""A network that is down: it is polled often, and the storage seldom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.conftest import Api
from api.messaging.outcomes import hooks, reaches
from api.messaging.stock import US, own, send
from trunkline.products.messaging.sending import worker

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")

POLLS = 100


def test_the_storage_rests_while_the_network_is_down(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = api.messaging.carriers.all[0]
    polled, claims = asyncio.Event(), 0
    polls = 0
    loop = api.run(running_loop())

    def ready(_: object) -> bool:
        nonlocal polls
        polls += 1
        if polls >= POLLS:
            # The storage asks on a thread of its own.
            loop.call_soon_threadsafe(polled.set)
        return False

    take = worker.claim_messages

    async def counted(*arguments: Any) -> Any:
        nonlocal claims
        claims += 1
        return await take(*arguments)

    monkeypatch.setattr(worker, "claim_messages", counted)
    monkeypatch.setattr(worker, "_READY_POLL", 0.001)
    own(api, US)
    with monkeypatch.context() as down:
        down.setattr(type(carrier), "ready", property(ready))
        sid = send(api, From=US)["sid"]
        api.run(asyncio.wait_for(polled.wait(), 20))
        assert 0 < claims <= POLLS // worker._READY_POLLS + 1
    reaches(api, sid, "delivered")


async def running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that the node runs on."""
    return asyncio.get_running_loop()
