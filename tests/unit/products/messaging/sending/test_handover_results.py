"""The log of results without an outcome: a line for each carrier, however many messages it leaves so."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trunkline.core import outages
from trunkline.products.messaging.sending import handover_results
from trunkline.products.messaging.sending.handover_results import ResultRecorder
from trunkline.products.messaging.sending.prices import Prices
from trunkline.transports.base import Acceptance, UnknownOutcome


def test_a_carrier_that_is_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def stored(*_: Any) -> None:
        return None

    monkeypatch.setattr(handover_results, "_record", stored)
    monkeypatch.setattr(outages, "CALM_SECONDS", 0)
    recorder = ResultRecorder(cast(Prices, None))

    def record(outcome: object) -> None:
        ended = SimpleNamespace(carrier="gate", message=SimpleNamespace(sid="SM1"), outcome=outcome)
        asyncio.run(recorder.record(cast(Any, None), cast(Any, ended)))

    for _ in range(100):
        record(UnknownOutcome("lost", resend=True))
    record(Acceptance(("1",)))
    assert [one.getMessage() for one in caplog.records] == [
        "gate: messages without an outcome are sent again, perhaps twice; the first is SM1: lost",
        "gate: messages have an outcome again",
    ]
