"""The engine for several nodes: PostgreSQL through asyncpg.

1. A write is a READ COMMITTED transaction of its own on a connection of the pool. After a deadlock it is run again, up
   to five times.
2. The connections are read-only except in such a transaction, so a read cannot change anything.
3. A read starts without a transaction, so that the usual one query is one round trip. If its action needs a second
   query, the action starts anew in a REPEATABLE READ transaction, for one snapshot.
4. Whatever is not committed when a connection goes back to its pool is rolled back. If the connection is lost during
   the COMMIT, the outcome is unknown and the caller gets OutcomeUnknown.
5. A ``DatabaseClock`` is measured before anything else, so that the first transaction has its time.
6. Writes under way are counted; ``stop`` closes the pools to new calls and waits until the count is zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import asyncpg

from trunkline.core.clock import Clock
from trunkline.core.database_clock import DatabaseClock, round_trip
from trunkline.core.storage.condition import StorageCondition
from trunkline.core.storage.database import (
    Action,
    DamagedData,
    Listener,
    NotWritable,
    OutcomeUnknown,
    StorageError,
    T,
    Tx,
    Unavailable,
    notify,
)
from trunkline.core.storage.migrate import REGISTER, Migration, due, for_postgres
from trunkline.core.storage.postgres_tx import (
    DRIVER_ERRORS,
    Connection,
    PostgresTx,
    RetryableError,
    SecondQuery,
    translate,
)

_ATTEMPTS = 5
_CONNECT_SECONDS = 10.0
_ACQUIRE_SECONDS = 10.0
_CHECK_SECONDS = 5.0
_SCAN_CONNECTIONS = 2
_STATEMENTS = 1_000
_MIGRATION_LOCK = 0x7472756E6B6C696E  # "trunklin"
_SETTINGS = {
    "application_name": "trunkline",
    "default_transaction_read_only": "on",
    "synchronous_commit": "on",
}

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


class PostgresDatabase:
    """The ``Database`` on a PostgreSQL server, which any number of nodes may share.

    ``pool_size`` connections serve writes and reads, two more serve scans. At most ``max_queue`` writes are
    under way or wait for a connection; further ones, and a wait of over 10 s, raise Unavailable.
    """

    name = "postgresql"

    def __init__(
        self,
        dsn: str,
        migrations: Sequence[Migration],
        clock: Clock,
        *,
        pool_size: int = 10,
        max_queue: int = 10_000,
    ) -> None:
        self._dsn = dsn
        self._migrations = migrations
        self.clock = clock
        self._pool_size = pool_size
        self._max_queue = max_queue
        self._pools: tuple[Pool, Pool] | None = None
        self._listeners: list[Listener] = []
        self.condition = StorageCondition()
        self._writes = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def queued(self) -> int:
        """The number of writes that wait for their commit now."""
        return self._writes

    def refused(self, cause: BaseException, /) -> None:
        """Record that the disk of the data refused a change of something else than the database."""
        self.condition.refused(cause)

    def listen(self, listener: Listener, /) -> None:
        """Call ``listener`` with the events of each write, after its commit; concurrent writes come in any order."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Connect and migrate the schema; nodes that start together take turns.

        Raise NewerDatabase if a newer version wrote it, Unavailable if the server cannot be reached or refuses, and
        StorageError if the address is invalid or the database does not hold UTF-8.
        """
        try:
            await self._migrate()
            self._pools = (await self._pool(self._pool_size), await self._pool(_SCAN_CONNECTIONS))
        except (asyncpg.PostgresError, OSError) as error:
            raise Unavailable(f"cannot open the PostgreSQL database: {error}") from error
        except (asyncpg.InterfaceError, ValueError) as error:
            # The driver's error about an address may repeat its password.
            raise StorageError("cannot understand the address of the PostgreSQL database") from error

    async def stop(self) -> None:
        """Finish the writes that were accepted, then close."""
        pools, self._pools = self._pools, None
        await self._idle.wait()
        for pool in pools or ():
            await pool.close()

    async def write(self, action: Action[T], /) -> T:
        """Run ``action`` in a transaction and return once it is durable. Raise what the action raises."""
        pool = self._open_pools()[0]
        if self._writes >= self._max_queue:
            full = Unavailable("too many writes are waiting")
            self.condition.unavailable(full)
            raise full
        self._writes += 1
        self._idle.clear()
        try:
            result = await self._write(pool, action)
            self.condition.available()
            return result
        except DamagedData as error:
            self.condition.damaged(error)
            raise
        except NotWritable as error:
            self.condition.refused(error.__cause__ or error)
            raise
        except (Unavailable, OutcomeUnknown) as error:
            self.condition.unavailable(error)
            raise
        finally:
            self._writes -= 1
            if not self._writes:
                self._idle.set()

    async def read(self, action: Action[T], /) -> T:
        """Run ``action`` on one snapshot without changing anything."""
        return await self._view(self._open_pools()[0], action)

    async def scan(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, on connections of its own."""
        return await self._view(self._open_pools()[1], action)

    async def check(self) -> None:
        """Raise Unavailable if the database does not respond within 5 s, NotWritable if the last commit failed and one
        more does, DamagedData if damage was found since the start."""

        async def ping(tx: Tx) -> None:
            await tx.value("SELECT count(*) FROM schema_migrations")

        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.read(ping)
                await self.condition.probe(self.write)
        except (NotWritable, DamagedData):
            raise
        except (StorageError, TimeoutError) as error:
            raise Unavailable("the database does not respond") from error

    def _open_pools(self) -> tuple[Pool, Pool]:
        if self._pools is None:
            raise Unavailable("the database is closed")
        return self._pools

    async def _write(self, pool: Pool, action: Action[T]) -> T:
        for _ in range(_ATTEMPTS):
            async with _PooledConnection(pool) as connection:
                await _begin(connection)
                try:
                    tx = PostgresTx(connection, self.clock(), writable=True)
                    result = await self._run(tx, action)
                    await _commit(connection)
                except RetryableError:
                    continue
                if tx.changed:
                    self.condition.accepted()
                if tx.announced:
                    notify(self._listeners, tx.announced)
                return result
        raise Unavailable("the change kept meeting others")

    async def _view(self, pool: Pool, action: Action[T]) -> T:
        try:
            async with _PooledConnection(pool) as connection:
                try:
                    result = await self._run(PostgresTx(connection, self.clock(), single=True), action)
                except SecondQuery:
                    await _execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    result = await self._run(PostgresTx(connection, self.clock()), action)
            self.condition.available()
            return result
        except DamagedData as error:
            self.condition.damaged(error)
            raise
        except Unavailable as error:
            self.condition.unavailable(error)
            raise

    async def _run(self, tx: PostgresTx, action: Action[T]) -> T:
        result = await action(tx)
        if tx.failed is not None:
            raise tx.failed from tx.failed.__cause__
        return result

    async def _pool(self, size: int) -> Pool:
        return await asyncpg.create_pool(
            self._dsn,
            min_size=1,
            max_size=size,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=_STATEMENTS,
            server_settings=_SETTINGS,
            reset=_reset,
        )

    async def _migrate(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=_CONNECT_SECONDS)
        try:
            if connection.get_settings().server_encoding != "UTF8":
                raise StorageError("the PostgreSQL database must have the encoding UTF8")
            if isinstance(self.clock, DatabaseClock):
                await self.clock.measure(partial(round_trip, connection.fetchval))
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
                await self._apply(connection)
        finally:
            await connection.close()

    async def _apply(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        applied: list[asyncpg.Record] = []
        if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
            applied = await connection.fetch("SELECT room, number FROM schema_migrations")
        pending = due(self._migrations, {(component, number) for component, number in applied})
        await connection.execute(for_postgres(REGISTER))
        for migration in pending:
            for statement in migration.statements:
                await connection.execute(for_postgres(statement))
            await connection.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, $3)",
                migration.component,
                migration.number,
                self.clock(),
            )


class _PooledConnection:
    """A connection that is acquired from the pool for a while; what is not committed in the end is rolled back.

    A pool that has none in time raises Unavailable.
    """

    def __init__(self, pool: Pool) -> None:
        self._held = pool.acquire(timeout=_ACQUIRE_SECONDS)
        self._connection: Connection | None = None

    async def __aenter__(self) -> Connection:
        try:
            self._connection = await self._held.__aenter__()
        except DRIVER_ERRORS as error:
            raise Unavailable("the database cannot be used at the moment") from error
        return self._connection

    async def __aexit__(self, *failure: Any) -> None:
        # The outcome is known by now; a connection that fails here is closed by the pool.
        with suppress(*DRIVER_ERRORS):
            try:
                if self._connection is not None and self._connection.is_in_transaction():
                    await self._connection.execute("ROLLBACK")
            finally:
                await self._held.__aexit__(*failure)


async def _reset(_: Connection) -> None:
    """Do nothing: a lease leaves no trace on its connection, and the driver's own reset costs a round trip."""


async def _begin(connection: Connection) -> None:
    """Begin a transaction that may write. Raise NotWritable on a server that only repeats another one's changes."""
    try:
        await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    except asyncpg.FeatureNotSupportedError as error:
        raise NotWritable("the PostgreSQL server is a read-only standby") from error
    except DRIVER_ERRORS as error:
        raise translate(error) from error


async def _execute(connection: Connection, sql: str) -> None:
    try:
        await connection.execute(sql)
    except DRIVER_ERRORS as error:
        raise translate(error) from error


async def _commit(connection: Connection) -> None:
    try:
        status = await connection.execute("COMMIT")
    except DRIVER_ERRORS as error:
        failure = translate(error)
        if isinstance(failure, Unavailable):
            raise OutcomeUnknown("the connection to the database was lost during a commit") from error
        raise failure from error
    if status != "COMMIT":
        raise StorageError("the database undid the transaction")
