"""The joining of writes: queued frames are written once per turn of the loop, and under load a few milliseconds later.

A short wait under load lets more frames for one connection share one write. Many connections are written to in several
turns, so that everything else runs between them: a write costs some 10 us.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

LOADED = 200
"""Connections flushed at once that count as load."""

MOST_AT_ONCE = 500
"""Connections that are flushed in one turn of the loop."""

PAUSE = 0.003
"""Seconds until the next flush under load."""


class Flushable(Protocol):
    """A connection with frames to write."""

    def flush(self) -> None:
        """Write what is queued."""
        ...


class Flusher:
    """The queue of connections with frames to write, in the order of their requests."""

    __slots__ = ("_due", "_loaded", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Flushable] = []
        self._due: list[Flushable] = []
        self._loaded = False

    def enqueue(self, one: Flushable) -> None:
        """Flush ``one`` soon. It is enqueued once until it is flushed."""
        if not self._waiting:
            if self._loaded:
                self._loop.call_later(PAUSE, self._flush)
            else:
                self._loop.call_soon(self._flush)
        self._waiting.append(one)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._loaded = len(waiting) >= LOADED
        under_way = bool(self._due)
        self._due += waiting
        if not under_way:
            self._go_on()

    def _go_on(self) -> None:
        now, self._due = self._due[:MOST_AT_ONCE], self._due[MOST_AT_ONCE:]
        if self._due:
            self._loop.call_soon(self._go_on)
        for one in now:
            one.flush()
