"""Requests of one client after the other: document updates over REST and through the socket, reads through it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.live.service import DATA, Service, service
from benchmarks.live.twilsock import request
from benchmarks.load import Request, Sample, Send, load, sending

_BODY = {"data": {"text": "a document of usual length", "count": 12, "done": False, "tags": ["a", "b"]}}


async def measure(
    folder: Path, operation: str, connections: int, rounds: int, seconds: float
) -> list[Sample]:
    """Measure one operation; every connection has a Document of its own."""
    async with service(folder) as on:
        sends = [await _send(on, operation) for _ in range(connections)]
        return [await load(sends, on.pid, seconds) for _ in range(rounds)]


async def _send(on: Service, operation: str) -> Send:
    sid = await on.make("Documents")
    if operation == "update-rest":
        content = on.caller.request("POST", f"{on.path}/Documents/{sid}", {"Data": DATA})
        return sending(await on.caller.connect(), Request(content, 200))
    path = f"/v3/Documents/{sid}"
    frame = request("GET", path) if operation == "read-socket" else request("POST", path, _BODY)
    client = (await on.clients(1))[0]
    return lambda: client.request(frame)
