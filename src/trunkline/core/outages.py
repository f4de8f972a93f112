"""The outages of what a node depends on, in its log: a line when one begins, and one when it is over.

While a dependency is away, everything that needs it fails: each request, message and webhook, again and again. Those
failures are counted, and nothing else of them is written. So are events that strangers cause at will. The calls come
from any thread; each sets attributes, so nothing is locked, and two threads that meet an outage in the same moment
write it twice at worst.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from time import monotonic

CALM_SECONDS = 5.0
"""The time without a failure after which what fails now and then works again: until then it is one outage."""

REPEAT_SECONDS = 60.0
"""The time between two lines about an event that strangers cause."""

MAX_KEYS = 1000
"""Dependencies of one kind that are kept apart; of more, the one that failed the longest ago is forgotten."""


class Outage:
    """The outage of one dependency, if it has one. It ends with a success that comes ``calm`` seconds after the last
    failure or later, ``CALM_SECONDS`` unless given. ``clock`` counts them."""

    __slots__ = ("_calm", "_clock", "_failed_at", "_failures", "_log")

    def __init__(
        self,
        log: logging.Logger,
        calm: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._log = log
        self._calm = calm
        self._clock = clock
        self._failures = 0
        self._failed_at = 0.0

    @property
    def lasts(self) -> bool:
        """True from the first failure on, until the end is logged."""
        return self._failures > 0

    def failed(
        self,
        message: str,
        *arguments: object,
        level: int = logging.WARNING,
        error: BaseException | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Record a failure; the first one is logged, with the traceback of ``error`` where that is a fault of the
        program."""
        self._failed_at = self._clock()
        self._failures += 1
        if self._failures == 1:
            self._log.log(level, message, *arguments, exc_info=error, extra={"fields": fields or {}})

    def works(self, message: str, *arguments: object) -> None:
        """Record a success; the first one after an outage is logged, with the number of its failures."""
        if not self._failures:
            return
        if self._clock() < self._failed_at + (CALM_SECONDS if self._calm is None else self._calm):
            return
        failures, self._failures = self._failures, 0
        self._log.warning(message, *arguments, extra={"fields": {"failures": failures}})


class FrequentEvent:
    """An event that strangers can cause as often as they like: it is a line at most every ``REPEAT_SECONDS``, with the
    number of those since the last line in the field ``events``."""

    __slots__ = ("_clock", "_events", "_log", "_next_at")

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = monotonic) -> None:
        self._log = log
        self._clock = clock
        self._events = 0
        self._next_at = float("-inf")

    def happened(self, message: str, *arguments: object, level: int = logging.WARNING) -> None:
        """Record one; it is logged if the last line is old enough."""
        self._events += 1
        if (now := self._clock()) >= self._next_at:
            events, self._events = self._events, 0
            self._next_at = now + REPEAT_SECONDS
            self._log.log(level, message, *arguments, extra={"fields": {"events": events}})


class Outages:
    """The outages of the dependencies of one kind, each under its key."""

    def __init__(
        self,
        log: logging.Logger,
        calm: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._log = log
        self._calm = calm
        self._clock = clock
        self._lasting: OrderedDict[Hashable, Outage] = OrderedDict()

    def of(self, key: Hashable) -> Outage:
        """Return the outage of a dependency that fails."""
        found = self._lasting.setdefault(key, Outage(self._log, self._calm, self._clock))
        self._lasting.move_to_end(key)
        if len(self._lasting) > MAX_KEYS:
            self._lasting.popitem(last=False)
        return found

    def __bool__(self) -> bool:
        """Return whether anything fails."""
        return bool(self._lasting)

    def works(self, key: Hashable, message: str, *arguments: object) -> None:
        """Record a success of a dependency; see ``Outage.works``."""
        if (outage := self._lasting.get(key)) is not None:
            outage.works(message, *arguments)
            if not outage.lasts:
                del self._lasting[key]
