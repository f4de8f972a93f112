"""A database with an account and a Service, for tests of Sync below the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engines import Engine, opened
from trunkline.core.clock import SECOND
from trunkline.core.jobs.schema import MIGRATIONS as JOBS
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.webhooks.attempts import MIGRATIONS as ATTEMPTS
from trunkline.products.accounts import store
from trunkline.products.accounts.schema import MIGRATIONS as ACCOUNTS
from trunkline.products.sync import services
from trunkline.products.sync.schema import MIGRATIONS
from trunkline.products.sync.scope import Actor, Scope
from trunkline.realtime.schema import MIGRATIONS as REALTIME

ACCOUNT_SID = "AC" + "0" * 31 + "1"


class MovedClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class World:
    """The database, its clock, the default Service as REST credentials see it, and what was announced."""

    def __init__(self, database: Database, clock: MovedClock, scope: Scope) -> None:
        self.database = database
        self.clock = clock
        self.scope = scope
        self.announced: list[Any] = []
        database.listen(self.announced.extend)


@asynccontextmanager
async def world(engine: Engine, folder: Path) -> AsyncIterator[World]:
    """Yield a fresh world on a storage engine."""
    migrations: list[Migration] = [*JOBS, *ATTEMPTS, *REALTIME, *ACCOUNTS, *MIGRATIONS]
    clock = MovedClock()

    async def settle(tx: Tx) -> Scope:
        await store.insert_account(tx, Vault(bytes(32)), "account", sid=ACCOUNT_SID)
        return Scope(await services.find(tx, ACCOUNT_SID, "default"), Actor())

    async with opened(engine.migrated_url(folder, migrations), migrations, clock) as database:
        yield World(database, clock, await database.write(settle))
