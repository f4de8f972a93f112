"""A thousand clients of one Document: each receives every change, in its order, on a server that was started
with the usual limit of open files.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.test_sync_door import Place, RawSocket, logged_in
from servers import COMMAND, Server
from unit.realtime.wire import request

CROWD = 1_000
CHANGES = 5
AT_ONCE = 50
FEW_FILES = ("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", *COMMAND)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Yield a server whose shell lets it open few files at first, and a Service."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with Server(tmp_path, "--no-sync-limits", command=FEW_FILES) as server:
            with _http(server) as http:
                service = http.post("/sync/v1/Services").json()["sid"]
                key = http.post(f"/2010-04-01/Accounts/{server.account_sid}/Keys.json").json()
            yield Place(server, service, key, {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _http(server: Server) -> httpx.Client:
    return httpx.Client(
        base_url=server.url, auth=(server.account_sid, server.auth_token), trust_env=False, verify=False
    )


async def _subscribe(line: RawSocket, sid: str) -> None:
    subject = {"object_sid": sid, "object_type": "document", "last_event_id": None}
    body = {
        "event_protocol_version": 4,
        "action": "establish",
        "correlation_id": 1,
        "requests": [subject],
    }
    await line.say(request("POST", "/v4/Services/default/Subscriptions", "TMsub", body))
    while not _is(await line.receive(), "subscription_established"):
        pass


def _is(got: object, event_type: str) -> bool:
    payload = getattr(got, "payload", None)
    return isinstance(payload, dict) and payload.get("event_type") == event_type


def test_a_change_reaches_a_thousand_clients_in_order(place: Place) -> None:
    async def follow(sid: str, number: int, door: asyncio.Semaphore, ready: asyncio.Barrier) -> list[str]:
        received: list[str] = []
        await door.acquire()
        async with logged_in(place, f"client{number}") as line:
            await _subscribe(line, sid)
            door.release()
            await ready.wait()
            while len(received) < CHANGES:
                if _is(got := await line.receive(), "document_updated"):
                    received.append(got.payload["events"][0]["document_revision"])
        return received

    async def run() -> list[list[str]]:
        with _http(place.server) as http:
            documents = f"/sync/v1/Services/{place.service_sid}/Documents"
            sid = http.post(documents).json()["sid"]
            door, ready = asyncio.Semaphore(AT_ONCE), asyncio.Barrier(CROWD + 1)
            crowd = [asyncio.create_task(follow(sid, number, door, ready)) for number in range(CROWD)]
            done = asyncio.gather(*crowd)
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({done, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                await done
            for n in range(CHANGES):
                response = await asyncio.to_thread(
                    http.post, f"{documents}/{sid}", data={"Data": json.dumps({"n": n})}
                )
                assert response.json()["revision"] == str(n + 1)
            return await done

    received = asyncio.run(run())
    assert len(received) == CROWD
    assert {tuple(one) for one in received} == {tuple(str(n + 1) for n in range(CHANGES))}
