"""The checks of the addresses to listen on, and of the bus."""

from __future__ import annotations

import asyncio

from trunkline.cli.addresses import PortState, probe_port
from trunkline.cli.doctor.finding import DoctorFinding, failed, ok, warned
from trunkline.cli.errors import reason
from trunkline.core.nats_bus import BusUnreachable, open_bus
from trunkline.settings import Settings

BUS_SECONDS = 5.0


async def findings(settings: Settings) -> list[DoctorFinding]:
    """Check everything in the order of printing."""
    return [
        port("API port", settings.server.host, settings.server.port),
        port("proxy port", settings.server.host, settings.server.proxy_port),
        await bus(settings.server.nats_url),
    ]


def port(name: str, host: str, number: int) -> DoctorFinding:
    """Check an address: free, or used by a running Trunkline."""
    if number < 0:
        return ok(name, "switched off")
    try:
        state = probe_port(host, number)
    except OSError as error:
        return failed(name, f"{host}:{number}: {reason(error)}", "choose another host or port")
    if state is PortState.OTHER_PROGRAM:
        return failed(name, f"{host}:{number} is used by another program", "end it, or choose another port")
    if state is PortState.UNREADY:
        return warned(
            name, f"{host}:{number} is {state.value}", "see /_trunkline/health and its log for the reason"
        )
    if state is PortState.FREE:
        return ok(name, f"{host}:{number} is free" if number else "a free one is chosen at the start")
    return ok(name, f"{host}:{number} is {state.value}")


async def bus(url: str) -> DoctorFinding:
    """Check the bus between nodes."""
    name = "bus"
    if not url:
        return ok(name, "not configured: this is the only node")
    connection = open_bus(url)
    remedy = "start the NATS server, or put nats_url right"
    try:
        async with asyncio.timeout(BUS_SECONDS):
            await connection.start()
    except BusUnreachable as error:
        return failed(name, str(error), remedy)
    except TimeoutError:
        return failed(name, f"the bus does not respond within {BUS_SECONDS:.0f} s", remedy)
    await connection.stop()
    return ok(name, "responds")
