"""Checks of the addresses to listen on, and of the bus."""

from __future__ import annotations

import asyncio

from trunkline.cli.addresses import Port, look
from trunkline.cli.doctor.finding import Finding, failed, ok, warned
from trunkline.cli.failure import reason
from trunkline.core.bus import BusUnreachable, open_bus
from trunkline.settings import Settings

BUS_SECONDS = 5.0


async def findings(settings: Settings) -> list[Finding]:
    """The checks, in the order in which they are shown."""
    return [
        port("API port", settings.server.host, settings.server.port),
        port("proxy port", settings.server.host, settings.server.proxy_port),
        await bus(settings.server.nats_url),
    ]


def port(name: str, host: str, number: int) -> Finding:
    """An address: free, or answered by a running Trunkline."""
    if number < 0:
        return ok(name, "switched off")
    try:
        there = look(host, number)
    except OSError as error:
        return failed(name, f"{host}:{number}: {reason(error)}", "choose another host or port")
    if there is Port.TAKEN:
        return failed(name, f"{host}:{number} is taken by another program", "end it, or choose another port")
    if there is Port.UNREADY:
        return warned(
            name, f"{host}:{number} is {there.value}", "see /_trunkline/health and its log for the reason"
        )
    if there is Port.FREE:
        return ok(name, f"{host}:{number} is free" if number else "a free one is taken at the start")
    return ok(name, f"{host}:{number} is {there.value}")


async def bus(url: str) -> Finding:
    """The bus between nodes."""
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
        return failed(name, f"the bus does not answer within {BUS_SECONDS:.0f} s", remedy)
    await connection.stop()
    return ok(name, "answers")
