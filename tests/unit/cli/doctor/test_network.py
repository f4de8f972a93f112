"""The checks of ports and bus."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.cli.addresses import PortState
from trunkline.cli.doctor import network
from trunkline.cli.doctor.finding import Level
from trunkline.core.nats_bus import BusUnreachable


@pytest.mark.parametrize(
    ("there", "level"),
    [
        (PortState.FREE, Level.OK),
        (PortState.TRUNKLINE, Level.OK),
        (PortState.PROXY, Level.OK),
        (PortState.UNREADY, Level.WARN),
        (PortState.OTHER_PROGRAM, Level.FAIL),
    ],
)
def test_a_port_is_free_or_our_own(there: PortState, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "probe_port", lambda host, port: there)
    found = network.port("API port", "127.0.0.1", 8080)
    assert found.level is level
    assert "127.0.0.1:8080" in found.message


def test_an_address_of_another_machine_fails() -> None:
    found = network.port("API port", "203.0.113.1", 0)
    assert (found.level, found.message) == (
        Level.FAIL,
        "203.0.113.1:0: the host is no address of this machine",
    )


class _Bus:
    connected = True
    stopped = False

    def __init__(self, error: Exception | None = None, silent: bool = False) -> None:
        self._error, self._silent = error, silent

    async def start(self) -> None:
        if self._error:
            raise self._error
        if self._silent:
            await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        self.stopped = True


def _bus(bus: _Bus, monkeypatch: pytest.MonkeyPatch) -> tuple[Level, str]:
    monkeypatch.setattr(network, "open_bus", lambda url: bus)
    found = asyncio.run(network.bus("nats://host"))
    return found.level, found.message


def test_a_bus_that_answers_is_left_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = _Bus()
    assert _bus(bus, monkeypatch) == (Level.OK, "responds")
    assert bus.stopped


def test_a_bus_that_refuses_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _bus(_Bus(BusUnreachable("no bus")), monkeypatch) == (Level.FAIL, "no bus")


def test_a_bus_that_is_silent_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "BUS_SECONDS", 0.01)
    assert _bus(_Bus(silent=True), monkeypatch)[0] is Level.FAIL


def test_a_single_node_needs_no_bus() -> None:
    assert asyncio.run(network.bus("")).level is Level.OK
