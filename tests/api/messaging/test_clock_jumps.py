"""A host whose clock jumps: messages wait no longer than their rate requires, and the operator gets alerts."""

from __future__ import annotations

import pytest

from api.conftest import Api
from api.messaging.outcomes import hooks, reaches
from api.messaging.stock import US, own, send
from trunkline.app.node import Node
from trunkline.core.clock import Clock, WatchedClock

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")

HOURS = 3 * 3600.0
STEP = 0.01
"""Seconds between two checks of a message: three hours of them take far longer than a test is patient."""


@pytest.fixture
def steady() -> Clock:
    """Return a clock that stands still: every step of a test is below a jump."""
    return lambda: 0


def jump(api: Api, seconds: float) -> None:
    """Set the wall clock, and let the node see it."""
    api.clock.advance(seconds)
    api.run(api.node.hold_watch.check())


def alerts(api: Api) -> list[str]:
    """Return the texts of the account's alerts, oldest first."""
    listed = api.get("/monitor/v1/Alerts", {"LogLevel": "warning"}).json()["alerts"]
    return [alert["alert_text"] for alert in reversed(listed)]


def sends(api: Api, sids: list[str]) -> None:
    """Let the messages go out."""
    for sid in sids:
        reaches(api, sid, "sent", "delivered", step=STEP)


def test_messages_go_out_after_a_jump_ahead_and_back(api: Api) -> None:
    own(api, US)
    sends(api, [send(api, From=US)["sid"]])
    jump(api, HOURS)
    ahead = [send(api, From=US)["sid"] for _ in range(4)]
    sends(api, ahead[:1])
    jump(api, -HOURS)
    sends(api, [*ahead[1:], send(api, From=US)["sid"]])
    texts = alerts(api)
    assert sorted(text.partition(" by ")[0] for text in texts) == [
        "The server's clock jumped ahead",
        "The server's clock jumped back",
    ]
    found = api.get("/monitor/v1/Alerts").json()["alerts"][0]
    assert (found["error_code"], found["log_level"]) == ("20500", "warning")


def test_messages_go_out_after_a_restart_with_the_clock_set_back(api: Api) -> None:
    own(api, US)
    jump(api, HOURS)
    waiting = [send(api, From=US)["sid"] for _ in range(4)]
    sends(api, waiting[:1])
    api.run(api.node.stop())
    api.clock.advance(-HOURS)
    again = Api(Node(api.node.settings, WatchedClock(api.clock, lambda: 0)), api._runner, api.clock)
    again.run(again.node.start())
    try:
        sends(again, [*waiting[1:], send(again, From=US)["sid"]])
        assert any("lay ahead of the clock and were moved back" in text for text in alerts(again))
    finally:
        again.close()
