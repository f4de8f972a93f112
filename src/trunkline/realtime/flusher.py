"""When queued frames are written: once per turn of the loop, and under load a few milliseconds later.

Waiting a little longer under load lets more frames for one connection share one write.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

LOADED = 200
"""Connections flushed at once that count as load."""

PAUSE = 0.003
"""Seconds until the next flush under load."""


class Flushed(Protocol):
    """Something with frames to write."""

    def flush(self) -> None:
        """Write what is queued."""
        ...


class Flusher:
    """Calls ``flush`` on everything that asked for it, together."""

    __slots__ = ("_loaded", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Flushed] = []
        self._loaded = False

    def want(self, one: Flushed) -> None:
        """Flush ``one`` soon. It asks once, until it is flushed."""
        if not self._waiting:
            if self._loaded:
                self._loop.call_later(PAUSE, self._flush)
            else:
                self._loop.call_soon(self._flush)
        self._waiting.append(one)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._loaded = len(waiting) >= LOADED
        for one in waiting:
            one.flush()
