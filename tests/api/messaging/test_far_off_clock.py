"""A node whose clock is too far off for due work: it serves requests, sends nothing, and gives its lanes to others."""

from __future__ import annotations

import pytest

from api.conftest import Api
from api.messaging.outcomes import hooks, reaches, until
from api.messaging.stock import US, own, send
from trunkline.core import periodic
from trunkline.products.messaging.sending import dispatcher

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")

SLOW = 1000
"""A thousandth of a segment a second, times a thousand."""


async def value(api: Api, sql: str) -> object:
    return await api.node.database.read(lambda tx: tx.value(sql))


def test_a_node_far_off_sends_nothing_until_its_clock_is_right(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "_PERMISSION_SECONDS", 0.01)
    own(api, US, rate=SLOW)
    reaches(api, send(api, From=US)["sid"], "sent", "delivered")
    waiting = [send(api, From=US)["sid"] for _ in range(2)]
    held = "SELECT count(*) FROM message_lanes WHERE holder <> ''"
    until(api, lambda: value(api, held))
    api.clock.permits_due_work = False

    async def free() -> bool:
        return await value(api, held) == 0

    until(api, free)
    under_way = {sid: status(api, sid) for sid in waiting}
    api.clock.advance(3600)
    started: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(dispatcher, "Worker", lambda lane, context: started.append(lane))
        late = send(api, From=US)["sid"]
    assert started == []
    for _ in range(20):
        api.messaging.wake()
        assert api.get("/_trunkline/health/live").status_code == 200
    assert {sid: status(api, sid) for sid in waiting} == under_way
    assert status(api, late) == "queued"
    assert api.run(value(api, held)) == 0
    api.clock.permits_due_work = True
    # A poll finds the lane. No time passes until then, or the messages would expire on a quick machine.
    until(api, lambda: value(api, held))
    for sid in (*waiting, late):
        reaches(api, sid, "sent", "delivered", step=1)


def status(api: Api, sid: str) -> str:
    """Return the status of a message."""
    found: str = api.run(value(api, f"SELECT status FROM messages WHERE sid = '{sid}'"))
    return found
