"""The reading of much input: in pieces, a few of them between two turns of the loop.

Clients acknowledge every event. After a long replay to many of them, the acknowledgements come all at once; whoever
sends much waits with it, and everything else runs between the pieces.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

log = logging.getLogger("trunkline.realtime")

PIECE_BYTES = 16 * 1024
"""The most bytes that a connection reads in one turn of the loop: some 100 acknowledgements."""

PIECES_AT_ONCE = 8


class InputHolder(Protocol):
    """A connection with input that waits."""

    def read_on(self) -> bool:
        """Read a piece. Return whether there is more."""
        ...

    def abort(self) -> None:
        """End the connection now."""
        ...


class Intake:
    """The queue of connections with input that waits; each reads one piece, then it is the next one's turn."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[InputHolder] = deque()

    def enqueue(self, one: InputHolder) -> None:
        """Let ``one`` read soon, until it has no more."""
        if not self._waiting:
            self._loop.call_soon(self._go_on)
        self._waiting.append(one)

    def _go_on(self) -> None:
        try:
            for _ in range(min(PIECES_AT_ONCE, len(self._waiting))):
                one = self._waiting.popleft()
                if self._read(one):
                    self._waiting.append(one)
        finally:
            if self._waiting:
                self._loop.call_soon(self._go_on)

    def _read(self, one: InputHolder) -> bool:
        """Return whether ``one`` has more. One whose input cannot be read is ended, and holds up nobody else."""
        try:
            return one.read_on()
        except Exception as error:
            log.error("a realtime connection was ended: reading its input failed (%s)", type(error).__name__)
            one.abort()
            return False
