"""The count of what reaches many subscribers, and the times of the first and the last of it."""

from __future__ import annotations

import asyncio
from time import perf_counter


class Tally:
    """A wait for a number of messages over all subscribers together."""

    def __init__(self) -> None:
        self._left = 0
        self._done: asyncio.Future[None] | None = None
        self.first = self.last = 0.0

    def expect(self, messages: int) -> asyncio.Future[None]:
        """Return a future that is done when so many more have come."""
        self._left = messages
        self.first = self.last = 0.0
        self._done = asyncio.get_running_loop().create_future()
        return self._done

    def add(self, messages: int) -> None:
        """Add so many that have come."""
        if self._done is None:
            return
        if not self.first:
            self.first = perf_counter()
        self._left -= messages
        if self._left <= 0:
            self.last = perf_counter()
            if not self._done.done():
                self._done.set_result(None)
            self._done = None
