"""Timers that let the event loop read its sockets first when they fire late.

A process that was stopped, or a machine that slept, finds its timers overdue and its peers' responses in the sockets.
uvloop calls timers before it reads, and so would find peers silent that responded long ago. A timer that fires much
later than it was due therefore waits for a moment in which the loop reads, once, and then until the tasks that were
waiting for what was read have gone on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LATE = 0.5
"""Seconds of delay from which on the process counts as having stood still."""

READING = 0.25
"""Seconds for which the loop reads then."""

_TURNS = 3
"""The turns of the loop for the tasks that were woken: on a busy machine the timer may be due as soon as they are."""


class LateTimer:
    """A call of ``callback`` at ``when``, in the loop's time."""

    __slots__ = ("_callback", "_handle", "_loop", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._when = when
        self._callback = callback
        self._handle: asyncio.Handle = loop.call_at(when, self._fire)

    def when(self) -> float:
        """Return the time at which it is due."""
        return self._when

    def cancel(self) -> None:
        """Do not call."""
        self._handle.cancel()

    def _fire(self) -> None:
        if self._loop.time() - self._when < LATE:
            self._callback()
        else:
            self._handle = self._loop.call_later(READING, self._wait, _TURNS)

    def _wait(self, turns: int) -> None:
        if turns:
            self._handle = self._loop.call_soon(self._wait, turns - 1)
        else:
            self._callback()


@asynccontextmanager
async def patient_timeout(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Raise TimeoutError when the body takes longer, as ``asyncio.timeout`` does, for a body that reads a socket."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        timer = LateTimer(loop, loop.time() + seconds, lambda: scope.reschedule(loop.time()))
        try:
            yield scope
        finally:
            timer.cancel()


async def patient_sleep(seconds: float) -> None:
    """Sleep, so that what arrived meanwhile has been read afterwards, also if the process stood still."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    await asyncio.sleep(seconds)
    if loop.time() - due >= LATE:
        await asyncio.sleep(READING)
