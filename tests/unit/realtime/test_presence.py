"""Presence for two products on both engines: each listener is notified of its own Services, and nobody else pays."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import Engine, opened
from trunkline.core.clock import SECOND
from trunkline.core.jobs.claims import Lease, claim
from trunkline.core.jobs.outcomes import ClaimedJob, Success
from trunkline.core.jobs.schema import MIGRATIONS as JOBS
from trunkline.core.leases import LeaseLost
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.realtime import endpoints
from trunkline.realtime.presence import Presence
from trunkline.realtime.product import Endpoint, RealtimeProduct
from trunkline.realtime.schema import MIGRATIONS
from unit.realtime.objects.memory import Client

GRACE_MS = 5000
SERVICES = {"chat": "IS1", "ip_messaging": "IS1", "data_sync": "IS2"}
ALL = [*JOBS, *MIGRATIONS]


class Listener:
    """A listener that collects its calls. A client that closes its connection is absent at once, one that is
    lost after a grace.
    """

    def __init__(self, *watched: str) -> None:
        self.services = set(watched)
        self.calls: list[tuple[Any, ...]] = []

    async def watched(self, tx: Tx, service_sids: Collection[str]) -> set[str]:
        """Return those that the test named."""
        return self.services & set(service_sids)

    async def connected(self, tx: Tx, endpoint: Endpoint, *, replaced: bool) -> None:
        """Keep it."""
        self.calls.append(("connected", endpoint.service_sid, endpoint.identity, replaced))

    async def disconnected(self, tx: Tx, endpoint: Endpoint, *, others: int, closed: bool) -> int | None:
        """Keep it."""
        self.calls.append(("disconnected", endpoint.identity, others, closed))
        return None if closed else GRACE_MS

    async def absent(self, tx: Tx, endpoint: Endpoint) -> None:
        """Keep it."""
        self.calls.append(("absent", endpoint.identity))


class _Job(Row, frozen=True):
    id: str
    payload: str
    due: int


class MovedClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


def products(chat: Listener, sync: Listener | None = None) -> list[RealtimeProduct]:
    """Return two products with these listeners."""
    return [
        RealtimeProduct("chat", ("chat", "ip_messaging"), presence=chat),
        RealtimeProduct("sync", ("data_sync",), presence=sync),
    ]


def test_each_listener_is_notified_of_its_own_services(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(engine.migrated_url(tmp_path, ALL), ALL, MovedClock()) as database:
            chat, sync = Listener("IS1"), Listener("IS2")
            presence = Presence(database, products(chat, sync))
            client, stranger = Client("alice", SERVICES), Client("bob", {"ip_messaging": "IS9"})
            for one in (client, stranger, Client("", SERVICES)):
                presence.connected(one)
            await presence.flush()
            assert chat.calls == [("connected", "IS1", "alice", False)]
            assert sync.calls == [("connected", "IS2", "alice", False)]
            client.closed = True
            presence.disconnected(client)
            presence.disconnected(stranger)
            await presence.flush()
            assert chat.calls[1:] == sync.calls[1:] == [("disconnected", "alice", 0, True)]
            assert await database.read(lambda tx: tx.value("SELECT count(*) FROM jobs")) == 0

    asyncio.run(scenario())


def test_a_lost_client_is_absent_after_the_grace_of_the_listener(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = MovedClock()
        async with opened(engine.migrated_url(tmp_path, ALL), ALL, clock) as database:
            chat = Listener("IS1")
            presence = Presence(database, products(chat))
            run = endpoints.handler(database, presence.listeners).run

            async def jobs() -> list[_Job]:
                return await database.read(
                    lambda tx: tx.all(_Job, f"SELECT {columns(_Job)} FROM jobs ORDER BY due")
                )

            async def finish(job: _Job) -> None:
                assert await run(ClaimedJob(job.id, endpoints.KIND, job.payload, "", None, 1, 0)) == Success()

            first, second = Client("alice", SERVICES, "one"), Client("alice", SERVICES, "two")
            presence.connected(first)
            presence.disconnected(first)
            await presence.flush()
            clock.now += 1
            presence.connected(second)
            await presence.flush()
            (early,) = await jobs()
            await finish(early)
            presence.disconnected(second)
            await presence.flush()
            late = (await jobs())[-1]
            assert late.due == clock.now + GRACE_MS * 1000
            await finish(late)
            await finish(late)
            assert chat.calls == [
                ("connected", "IS1", "alice", False),
                ("disconnected", "alice", 0, False),
                ("connected", "IS1", "alice", False),
                ("disconnected", "alice", 0, False),
                ("absent", "alice"),
            ]
            assert msgspec.json.decode(late.payload)["account_sid"] == "AC1"

    asyncio.run(scenario())


def test_a_grace_whose_job_is_another_nodes_ends_there(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = MovedClock()
        async with opened(engine.migrated_url(tmp_path, ALL), ALL, clock) as database:
            chat = Listener("IS1")
            presence, client = Presence(database, products(chat)), Client("alice", SERVICES)
            run = endpoints.handler(database, presence.listeners).run
            presence.connected(client)
            presence.disconnected(client)
            await presence.flush()
            clock.now += GRACE_MS * 1000

            async def claimed(node: str) -> ClaimedJob:
                lease = Lease(node, clock.now + SECOND)
                (job,) = await database.write(lambda tx: claim(tx, lease, 10))
                clock.now += 2 * SECOND
                return job

            frozen, other = await claimed("frozen"), await claimed("other")
            with pytest.raises(LeaseLost):
                await run(frozen)
            assert ("absent", "alice") not in chat.calls
            assert await run(other) == Success()
            with pytest.raises(LeaseLost):
                await run(frozen)
            assert chat.calls.count(("absent", "alice")) == 1

    asyncio.run(scenario())


def test_a_product_without_a_listener_costs_nothing() -> None:
    class UntouchedDatabase:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the database is used: {name}")

    async def scenario() -> None:
        presence = Presence(UntouchedDatabase(), [RealtimeProduct("chat", ("chat",))])  # type: ignore[arg-type]
        client = Client("alice", SERVICES)
        presence.connected(client)
        presence.disconnected(client)
        await presence.flush()

    asyncio.run(scenario())


def test_a_node_far_off_reports_no_client_of_another_as_gone(engine: Engine, tmp_path: Path) -> None:
    class FarOff(MovedClock):
        permits_due_work = False

    async def scenario() -> None:
        clock = FarOff()
        async with opened(engine.migrated_url(tmp_path, ALL), ALL, clock) as database:
            chat = Listener("IS1")
            left, found = Presence(database, products(chat)), Presence(database, products(chat))
            left.connected(Client("alice", SERVICES))
            await left.flush()
            clock.now += endpoints.LEASE + 1
            await found.renew()
            assert [call[0] for call in chat.calls] == ["connected"]
            clock.permits_due_work = True
            await found.renew()
            assert [call[0] for call in chat.calls] == ["connected", "disconnected"]

    asyncio.run(scenario())
