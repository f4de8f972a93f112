"""The engine for several nodes: PostgreSQL through asyncpg.

1. A write is a READ COMMITTED transaction of its own in a session of the pool. One that met another (a
   deadlock, a lock that was not released in time), or lost its session before the commit, is run again as long as the
   wait of a call lasts; then it is Unavailable. A first run that was lost, or took all of the wait, as that of a node
   that was frozen, is followed by a second one with a wait of its own.
2. The sessions are read-only except in such a transaction, so a read cannot change anything.
3. A read starts without a transaction, so that the usual one query is one round trip. If its action needs a second
   query, the action starts anew in a REPEATABLE READ transaction, for one snapshot.
4. Whatever is not committed when a session goes back to its pool is rolled back. If the session is lost during the
   COMMIT, the outcome is unknown and the caller gets OutcomeUnknown.
5. Writes under way are counted; ``stop`` closes the pools to new calls and waits until the count is zero.
6. A ``DatabaseClock`` is measured before anything else, so that the first transaction has its time.
7. While a call has its session for two fifths of the time of a peer, the server is checked. If it does not respond, the
   calls that wait for it are given up: a frozen server acknowledges all that it gets, and no bound of the network ends
   them. They are not run again, as they would wait for a new session on that server once more.
8. Every session ends by itself: the server bounds its statements, its waits for locks and its pauses in a transaction,
   and both sides notice a peer that is gone. So a node that is frozen holds its locks for a bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from trunkline.core.clock import Clock
from trunkline.core.storage.condition import StorageCondition
from trunkline.core.storage.database import (
    Action,
    Busy,
    DamagedData,
    Listener,
    NotWritable,
    OutcomeUnknown,
    StorageError,
    T,
    Unavailable,
    notify,
)
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.postgres_address import PostgresBounds, parse_address
from trunkline.core.storage.postgres_check import PostgresCheck
from trunkline.core.storage.postgres_errors import (
    DRIVER_ERRORS,
    RetryableError,
    SessionLost,
    Standby,
    translate,
    was_undone,
)
from trunkline.core.storage.postgres_migration import migrate
from trunkline.core.storage.postgres_pool import SessionPool
from trunkline.core.storage.postgres_sessions import PostgresServers, Session, SessionBounds
from trunkline.core.storage.postgres_tx import PostgresTx, SecondQuery

_LOSSES = 3
"""Sessions that one call may lose: one may have been idle since the server went away, and its successor, too."""
_STOP_SECONDS = 2.0
_PATIENCE, _NOTICE = 0.4, 0.1
"""The parts of the time of a peer after which a call makes the node check the server, and between two searches for
such calls. With the time of a check, two more fifths of the usual one, a call ends within the whole."""


class PostgresDatabase:
    """The ``Database`` on a PostgreSQL server, which any number of nodes may share."""

    name = "postgresql"

    def __init__(
        self, url: str, migrations: Sequence[Migration], clock: Clock, bounds: PostgresBounds | None = None
    ) -> None:
        self._servers = PostgresServers(parse_address(url))
        self._migrations = migrations
        self.clock = clock
        self._bounds = bounds or PostgresBounds()
        self._pools: tuple[SessionPool, SessionPool] | None = None
        self._listeners: list[Listener] = []
        self.condition = StorageCondition()
        self._check = PostgresCheck(self._servers, self._bounds)
        self._patience = _PATIENCE * self._bounds.peer
        self._watch: asyncio.Task[None] | None = None
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

        Raise NewerDatabase if a newer version wrote it, Unavailable if no server can be reached or all refuse, and
        StorageError if the address cannot be used or the database does not hold UTF-8.
        """
        await migrate(self._servers, self._migrations, self.clock, self._bounds)
        bounds = self._bounds
        self._pools = (
            self._pool(bounds.pool_size, bounds.statement, 2 * bounds.statement, bounds.long_sessions),
            self._pool(bounds.scan_pool_size, bounds.scan),
        )
        self._watch = asyncio.create_task(self._notice())

    async def stop(self) -> None:
        """Finish the writes that were accepted, then close."""
        pools, self._pools = self._pools, None
        await self._idle.wait()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait((self._watch,))
        await asyncio.gather(self._check.close(), *(pool.stop(_STOP_SECONDS) for pool in pools or ()))

    async def write(self, action: Action[T], /) -> T:
        """Run ``action`` in a transaction and return once it is durable. Raise what the action raises."""
        pool = self._open_pools()[0]
        locks: set[int] = set()
        self._writes += 1
        self._idle.clear()
        try:
            result = await self._repeat(pool, lambda session: self._transact(session, action, locks))
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

    async def query(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, on fewer sessions than there are."""
        pool, scans = self._open_pools()
        long = self._bounds.long_sessions > 0
        return await self._view(pool if long else scans, action, long=long)

    async def scan(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, on sessions of its own."""
        return await self._view(self._open_pools()[1], action)

    async def check(self) -> None:
        """Raise Unavailable if the database does not respond within 2 s, NotWritable if it is a standby, or the last
        commit failed and one more does, DamagedData if damage was found since the start. No pool is waited for."""
        pools = self._open_pools()

        async def probe(session: Session) -> None:
            await self.condition.probe(lambda action: self._transact(session, action, set()))

        try:
            await self._check.run(probe)
        except SessionLost:
            for pool in pools:
                pool.abandon(asyncio.get_running_loop().time() - self._patience)
            raise
        except Standby:
            for pool in pools:
                pool.expire()
            raise

    async def _notice(self) -> None:
        """Check the server again and again while a call has waited for it for long."""
        while True:
            await asyncio.sleep(_NOTICE * self._bounds.peer)
            late = asyncio.get_running_loop().time() - self._patience
            if any(pool.used_since <= late for pool in self._pools or ()):
                with suppress(StorageError):
                    await self.check()

    def _open_pools(self) -> tuple[SessionPool, SessionPool]:
        if self._pools is None:
            raise Unavailable("the database is closed")
        return self._pools

    def _pool(
        self, size: int, statement: float, transaction: float | None = None, long: int = 0
    ) -> SessionPool:
        bounds = self._bounds
        session = SessionBounds(
            statement, bounds.lock, bounds.idle_in_transaction, bounds.peer, transaction=transaction
        )
        return SessionPool(lambda: self._servers.open(session), size, bounds.max_queue, long)

    async def _repeat(
        self, pool: SessionPool, use: Callable[[Session], Awaitable[T]], *, long: bool = False
    ) -> T:
        """Return the result of ``use`` on a session, on further ones if it met other changes or lost its session."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._bounds.wait
        runs = losses = 0
        while True:
            runs += 1
            began = loop.time()
            async with pool.held(deadline, long=long) as session:
                try:
                    return await use(session)
                except RetryableError as error:
                    failure: StorageError = Busy(str(error))
                except SessionLost as error:
                    losses, failure = losses + 1, error
                    if session.abandoned:
                        raise
                    pool.expire(began)
                    session.terminate()
                except Standby as error:
                    losses, failure = losses + 1, error
                    pool.expire()
                    session.terminate()
            if runs == 1 and (losses or loop.time() >= deadline):
                deadline = loop.time() + self._bounds.wait
            elif losses == _LOSSES or loop.time() >= deadline:
                raise failure

    async def _transact(self, session: Session, action: Action[T], locks: set[int]) -> T:
        """Return the result of ``action`` in a transaction that has been committed. ``locks`` are taken at its
        beginning; those that it wanted are added."""
        await _execute(session, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", writes=True)
        tx = PostgresTx(session, self.clock(), writable=True)
        try:
            await tx.lock_all(locks)
            result = await self._run(tx, action)
        finally:
            locks |= tx.locks
        await _commit(session)
        if tx.changed:
            self.condition.accepted()
        if tx.announced:
            notify(self._listeners, tx.announced)
        return result

    async def _view(self, pool: SessionPool, action: Action[T], *, long: bool = False) -> T:
        async def view(session: Session) -> T:
            try:
                return await self._run(PostgresTx(session, self.clock(), single=True), action)
            except SecondQuery:
                await _execute(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return await self._run(PostgresTx(session, self.clock()), action)

        try:
            result = await self._repeat(pool, view, long=long)
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


async def _execute(session: Session, sql: str, *, writes: bool = False) -> None:
    try:
        await session.execute(sql)
    except DRIVER_ERRORS as error:
        raise translate(error, writes=writes) from error


async def _commit(session: Session) -> None:
    if session.is_closed():
        raise SessionLost("the connection to the database was lost before a commit")
    try:
        status = await session.execute("COMMIT")
    except DRIVER_ERRORS as error:
        failure = translate(error, writes=True)
        if isinstance(failure, SessionLost) and not was_undone(error):
            raise OutcomeUnknown("the connection to the database was lost during a commit") from error
        raise failure from error
    if status != "COMMIT":
        raise StorageError("the database undid the transaction")
