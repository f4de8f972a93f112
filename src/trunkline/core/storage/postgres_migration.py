"""The migration of a PostgreSQL database, one node at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import asyncpg

from trunkline.core.clock import Clock
from trunkline.core.database_clock import DatabaseClock, round_trip
from trunkline.core.storage.database import StorageError, Unavailable
from trunkline.core.storage.migrate import REGISTER, Migration, due, for_postgres
from trunkline.core.storage.postgres_address import PostgresBounds
from trunkline.core.storage.postgres_errors import DRIVER_ERRORS
from trunkline.core.storage.postgres_sessions import PostgresServers, Session, SessionBounds

log = logging.getLogger("trunkline.storage")

_LOCK = 0x7472756E6B6C696E  # "trunklin"
_IDLE_SECONDS = 10.0
"""The pause between two statements: nothing but other migrations waits for this transaction."""


async def migrate(
    servers: PostgresServers, migrations: Sequence[Migration], clock: Clock, bounds: PostgresBounds
) -> None:
    """Bring the schema up to date in one transaction, after those of other nodes. Raise NewerDatabase if a newer
    version wrote it, Unavailable if the server fails, StorageError if the database does not hold UTF-8."""
    seconds = bounds.migration
    session = await servers.open(
        SessionBounds(
            seconds, seconds, max(_IDLE_SECONDS, bounds.idle_in_transaction), bounds.peer, read_only=False
        )
    )
    try:
        if session.get_settings().server_encoding != "UTF8":
            raise StorageError("the PostgreSQL database must have the encoding UTF8")
        if isinstance(clock, DatabaseClock):
            await clock.measure(partial(round_trip, session.fetchval))
        async with session.transaction():
            await _wait_for_turn(session, seconds)
            await _apply(session, migrations, clock)
    except DRIVER_ERRORS as error:
        raise Unavailable(f"cannot open the PostgreSQL database: {error}") from error
    finally:
        session.terminate()


async def _wait_for_turn(session: Session, seconds: float) -> None:
    if await session.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
        return
    log.warning("another node migrates the schema; this one waits for it, for %g s at most", seconds)
    try:
        await session.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError) as error:
        raise Unavailable(
            f"another node has not finished its migration of the schema within {seconds:g} s"
        ) from error


async def _apply(session: Session, migrations: Sequence[Migration], clock: Clock) -> None:
    applied: list[asyncpg.Record] = []
    if await session.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        applied = await session.fetch("SELECT room, number FROM schema_migrations")
    pending = due(migrations, {(component, number) for component, number in applied})
    await session.execute(for_postgres(REGISTER))
    for migration in pending:
        for statement in migration.statements:
            await session.execute(for_postgres(statement))
        await session.execute(
            "INSERT INTO schema_migrations VALUES ($1, $2, $3)",
            migration.component,
            migration.number,
            clock(),
        )
