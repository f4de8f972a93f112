"""The pool of a node's sessions on PostgreSQL.

1. A session is opened when a caller needs one and none is idle; the one that was used last is used next. All of it
   belongs to one event loop, so a counter and a list need no lock.
2. A caller waits for its turn until a deadline, and at most ``max_queue`` use or wait for a session; beyond that, and
   after the deadline, the call fails at once. Long callers wait for one of their turns first: those are fewer than the
   sessions, so that the other callers have some to themselves.
3. A session that was lost, or whose user was cancelled in the middle of a statement, is closed. When the server was
   found gone, or to be a standby, ``expire`` closes the idle sessions that have not responded since, so that the next
   callers do not meet them one by one. ``abandon`` closes those in use, too, so that their callers wait no longer, and
   marks them: another session on that server would make the caller wait again.
4. ``stop`` waits for the sessions in use for a time, then closes all.

The driver has a pool, too. It can neither close its idle sessions when one is found dead nor bound its waiters, and it
logs a traceback for each try to reach a server that is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from trunkline.core.late_timers import patient_timeout
from trunkline.core.storage.database import Busy, Unavailable
from trunkline.core.storage.postgres_errors import DRIVER_ERRORS, SessionLost
from trunkline.core.storage.postgres_sessions import Session

_CLOSE_SECONDS = 1.0


class SessionPool:
    """At most ``size`` sessions, made by ``open_session``, for up to ``max_queue`` callers; long ones use at most
    ``long`` of them at once."""

    def __init__(
        self, open_session: Callable[[], Awaitable[Session]], size: int, max_queue: int, long: int = 0
    ) -> None:
        self._open_session = open_session
        self._size = size
        self._max_queue = max_queue
        self._turns = asyncio.Semaphore(size)
        self._long_turns = asyncio.Semaphore(long)
        self._idle: list[tuple[Session, float]] = []
        self._used: dict[Session, float] = {}
        self._callers = {False: 0, True: 0}
        self._closed = False

    def held(self, deadline: float, *, long: bool = False) -> _HeldSession:
        """Return the context of a session, which is waited for until ``deadline`` by the loop's clock. Its entry raises
        Unavailable if there is none in time, and what the opening of a session raises."""
        return _HeldSession(self, deadline, long=long)

    @property
    def used_since(self) -> float:
        """The time by the loop's clock since which the first of the callers has its session; now without any."""
        return next(iter(self._used.values()), asyncio.get_running_loop().time())

    def abandon(self, since: float) -> None:
        """Close all idle sessions, and those in use since ``since`` or earlier: what their callers await is lost."""
        self.expire()
        for session, began in self._used.items():
            if began <= since:
                session.abandoned = True
                session.terminate()

    def expire(self, since: float = float("inf")) -> None:
        """Close the idle sessions that were not used since a time by the loop's clock."""
        stale = [session for session, used in self._idle if used < since]
        self._idle = [(session, used) for session, used in self._idle if used >= since]
        for session in stale:
            session.terminate()

    async def stop(self, seconds: float) -> None:
        """Refuse new callers, wait for the sessions in use, and close all."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for _ in range(self._size):
                    await self._turns.acquire()
        sessions, self._idle = [session for session, _ in self._idle], []
        await asyncio.gather(*map(_close, sessions))

    async def acquire(self, deadline: float, *, long: bool = False) -> Session:
        """Return a session for one caller, which gives it back to ``release``."""
        if self._closed:
            raise Unavailable("the database is closed")
        if self._callers[long] >= self._most_callers(long=long):
            raise Busy("too many calls wait for the database")
        self._callers[long] += 1
        try:
            session = await (self._after_long_turn if long else self._idle_or_opened)(deadline)
        except BaseException:
            self._callers[long] -= 1
            raise
        self._used[session] = asyncio.get_running_loop().time()
        return session

    def release(self, session: Session, *, usable: bool, long: bool = False) -> None:
        """Take a session back, or close it if it is not ``usable``."""
        del self._used[session]
        if usable and not self._closed and not session.is_closed():
            self._idle.append((session, asyncio.get_running_loop().time()))
        else:
            session.terminate()
        self._callers[long] -= 1
        self._turns.release()
        if long:
            self._long_turns.release()

    def _most_callers(self, *, long: bool) -> int:
        """Return how many callers of a kind may use or wait for a session: long ones may be half of all."""
        left = self._max_queue - self._callers[not long]
        return min(left, max(1, self._max_queue // 2)) if long else left

    async def _after_long_turn(self, deadline: float) -> Session:
        await _turn(self._long_turns, deadline)
        try:
            return await self._idle_or_opened(deadline)
        except BaseException:
            self._long_turns.release()
            raise

    async def _idle_or_opened(self, deadline: float) -> Session:
        await _turn(self._turns, deadline)
        try:
            return self._newest_idle() or await self._opened(deadline)
        except BaseException:
            self._turns.release()
            raise

    async def _opened(self, deadline: float) -> Session:
        try:
            async with patient_timeout(deadline - asyncio.get_running_loop().time()):
                return await self._open_session()
        except TimeoutError:
            raise Unavailable("no connection to the database came about in time") from None

    def _newest_idle(self) -> Session | None:
        while self._idle:
            session, _ = self._idle.pop()
            if not session.is_closed():
                return session
        return None


async def _turn(turns: asyncio.Semaphore, deadline: float) -> None:
    """Take a turn, which is waited for until ``deadline``. Raise Busy if none is free in time."""
    if not turns.locked():
        # This does not wait, and so needs no timer in the usual case.
        await turns.acquire()
        return
    try:
        async with patient_timeout(deadline - asyncio.get_running_loop().time()):
            await turns.acquire()
    except TimeoutError:
        raise Busy("no connection to the database was free in time") from None


class _HeldSession:
    """A session that is held for a while; what is not committed in the end is rolled back."""

    def __init__(self, pool: SessionPool, deadline: float, *, long: bool) -> None:
        self._pool = pool
        self._deadline = deadline
        self._long = long
        self._session: Session | None = None

    async def __aenter__(self) -> Session:
        self._session = await self._pool.acquire(self._deadline, long=self._long)
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        session, usable = self._session, False
        assert session is not None
        try:
            # After a cancellation the statement may still run, and its result would come later.
            if error is None or (isinstance(error, Exception) and not isinstance(error, SessionLost)):
                usable = await _undo(session)
        finally:
            self._pool.release(session, usable=usable, long=self._long)


async def _undo(session: Session) -> bool:
    """Undo what is not committed; return whether the session can be used again. The outcome of its use is known by
    now, so a failure here is none of its."""
    if session.is_closed():
        return False
    try:
        if session.is_in_transaction():
            await session.execute("ROLLBACK")
    except DRIVER_ERRORS:
        return False
    return True


async def _close(session: Session) -> None:
    try:
        await session.close(timeout=_CLOSE_SECONDS)
    except DRIVER_ERRORS:
        session.terminate()
