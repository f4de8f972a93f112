"""Presence that Sync recorded in tables of its own moves to the realtime door's, windows that are not over included."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import msgspec

from engines import Engine, opened
from trunkline.core.jobs.schema import MIGRATIONS as JOBS
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.webhooks.attempts import MIGRATIONS as ATTEMPTS
from trunkline.products.accounts import store
from trunkline.products.accounts.schema import MIGRATIONS as ACCOUNTS
from trunkline.products.sync.schema import MIGRATIONS as SYNC
from trunkline.realtime import endpoints
from trunkline.realtime.endpoints import AbsenceJob
from trunkline.realtime.product import Endpoint
from trunkline.realtime.schema import MIGRATIONS as REALTIME

ACCOUNT_SID, SERVICE_SID = "AC" + "0" * 32, "IS" + "0" * 32
IDENTITY = 'mallory "departure":['
OLD = [*JOBS, *ATTEMPTS, *ACCOUNTS, *SYNC[:3]]
NEW = [*JOBS, *ATTEMPTS, *REALTIME, *ACCOUNTS, *SYNC]


class Listener:
    """A listener that collects the endpoints of graces that are over."""

    def __init__(self) -> None:
        self.absences: list[Endpoint] = []

    async def watched(self, tx: Tx, service_sids: Collection[str]) -> set[str]:
        """Do nothing: it is never called."""
        raise NotImplementedError

    async def connected(self, tx: Tx, endpoint: Endpoint, *, replaced: bool) -> None:
        """Do nothing: it is never called."""
        raise NotImplementedError

    async def disconnected(self, tx: Tx, endpoint: Endpoint, *, others: int, closed: bool) -> int | None:
        """Do nothing: it is never called."""
        raise NotImplementedError

    async def absent(self, tx: Tx, endpoint: Endpoint) -> None:
        """Keep it."""
        self.absences.append(endpoint)


class _Job(Row, frozen=True):
    kind: str
    payload: str


async def _fill(tx: Tx) -> None:
    await store.insert_account(tx, Vault(bytes(32)), "account", sid=ACCOUNT_SID)
    await tx.run(
        "INSERT INTO sync_services (sid, account_sid, date_created, date_updated, webhooks_from_rest_enabled,"
        " reachability_webhooks_enabled, acl_enabled, reachability_debouncing_enabled,"
        " reachability_debouncing_window) VALUES (:sid, :account, 1, 1, :no, :no, :no, :no, 5000)",
        sid=SERVICE_SID,
        account=ACCOUNT_SID,
        no=False,
    )
    await tx.run("INSERT INTO sync_nodes (node, until) VALUES ('n1', 7)")
    await tx.run(
        "INSERT INTO sync_endpoints VALUES (:service, 'alice', 'e1', :account, 'c1', 'n1')",
        service=SERVICE_SID,
        account=ACCOUNT_SID,
    )
    await tx.run(
        "INSERT INTO sync_departures VALUES (:service, :identity, 'e2', 9)",
        service=SERVICE_SID,
        identity=IDENTITY,
    )
    departure = [SERVICE_SID, IDENTITY, "e2", 9]
    payload = msgspec.json.encode({"account_sid": ACCOUNT_SID, "departure": departure}).decode()
    await tx.run(
        "INSERT INTO jobs VALUES"
        " ('j1', 'sync_departure', :payload, '', NULL, 1, 'ready', :no, 9, NULL, 0, '', 1, 1, 0, '')",
        payload=payload,
        no=False,
    )


def test_windows_and_endpoints_survive_the_upgrade(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        url = engine.migrated_url(tmp_path, OLD)
        async with opened(url, OLD) as database:
            await database.write(_fill)
        listener = Listener()
        async with opened(url, NEW) as database:
            (endpoint,) = await database.read(lambda tx: endpoints.stranded(tx, 10))
            assert endpoint == Endpoint("sync", SERVICE_SID, "alice", "e1", ACCOUNT_SID, "c1", "n1")
            (job,) = await database.read(lambda tx: tx.all(_Job, f"SELECT {columns(_Job)} FROM jobs"))
            assert job.kind == endpoints.KIND
            decoded = msgspec.json.decode(job.payload, type=AbsenceJob)
            for _ in range(2):
                await database.write(lambda tx: endpoints.expire(tx, {"sync": listener}, decoded))
        (absent,) = listener.absences
        assert (absent.identity, absent.endpoint_id, absent.account_sid) == (IDENTITY, "e2", ACCOUNT_SID)

    asyncio.run(scenario())
