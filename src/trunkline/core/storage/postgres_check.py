"""The check of a PostgreSQL database by a session of its own, so that it waits for no pool.

1. All of it belongs to one event loop. The lock gives the session to one check at a time: of the health, and of the
   database itself when a call waits for long.
2. A check has 2 s, in which it also waits for the lock. So those that wait behind one that fails fail by then, too.
3. A session that failed a check is closed, and the next check opens another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from trunkline.core.late_timers import patient_timeout
from trunkline.core.storage.postgres_address import PostgresBounds
from trunkline.core.storage.postgres_errors import DRIVER_ERRORS, SessionLost, Standby, translate
from trunkline.core.storage.postgres_sessions import PostgresServers, Session, SessionBounds

CHECK_SECONDS = 2.0
"""The time in which a database must respond to a check."""


class PostgresCheck:
    """A session that is kept for checks: one at a time, and all of them in the time of one."""

    def __init__(self, servers: PostgresServers, bounds: PostgresBounds) -> None:
        self._servers = servers
        lock = min(bounds.lock, CHECK_SECONDS)
        self._bounds = SessionBounds(CHECK_SECONDS, lock, bounds.idle_in_transaction, bounds.peer)
        self._session: Session | None = None
        self._turn = asyncio.Lock()

    async def run(self, probe: Callable[[Session], Awaitable[None]]) -> None:
        """Query the server, then run ``probe``, within 2 s. Raise Standby if the server is one, what ``probe`` raises,
        SessionLost if the server does not respond."""
        try:
            async with patient_timeout(CHECK_SECONDS), self._turn:
                try:
                    await probe(await self._responding())
                except BaseException:
                    self._drop()
                    raise
        except TimeoutError as error:
            raise SessionLost("the database does not respond") from error

    async def close(self) -> None:
        """Close the session."""
        self._drop()

    async def _responding(self) -> Session:
        """Return a session on a server that accepts changes; one that was kept may have died since."""
        while True:
            kept, session = self._session, self._session or await self._servers.open(self._bounds)
            self._session = session
            try:
                in_recovery = await session.fetchval("SELECT pg_is_in_recovery()")
            except DRIVER_ERRORS as error:
                self._drop()
                if kept is None:
                    raise translate(error) from error
                continue
            if in_recovery:
                raise Standby("the PostgreSQL server is a read-only standby")
            return session

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.terminate()
