"""Leases from their holders' side, and the outcomes that come in when a lease is over. Pure.

1. A lease is stored with its end by the clock of the storage. Its holder counts it on the steady clock, from before the
   transaction began that acquired or renewed it. The steady clock counts on while the process is stopped or the machine
   sleeps, so that a lease ends for its holder before another node may acquire it.
2. It ends for the holder a tenth of its span earlier still: for what is on its way between the last question and the
   peer, and for the difference of two clocks.
3. It is renewed once a third of its span has passed. A transaction whose outcome is unknown renews nothing.
4. Before each hand-over the holder asks ``holds``. Without the lease nothing is sent, and what waits is dropped.
5. A holder that acquires it anew after another one has a new ``HeldLease``: what was begun under the old one stays
   without a lease.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

_MARGIN = 10
_RENEWALS = 3

Holds = Callable[[], bool]
"""The question whether what is handed over is still held."""


class LeaseLost(Exception):
    """The lease ended: what was held under it belongs to another node, or will."""

    def __init__(self, text: str = "the lease ended") -> None:
        super().__init__(text)


class LateOutcome(msgspec.Struct, frozen=True):
    """The announcement of an outcome that was refused, as its lease was over and another node had acquired what it is
    about. ``text`` is for the operator: what may have been done twice."""

    text: str


class HeldLease:
    """A lease of ``span`` microseconds by ``clock``, a steady one. It is not held before ``extend``."""

    __slots__ = ("_clock", "_since", "_span")

    def __init__(self, span: int, clock: Callable[[], int]) -> None:
        self._span = span
        self._clock = clock
        self._since: int | None = None

    def extend(self, began: int) -> None:
        """Count the lease from ``began``, a reading of the clock before the transaction that wrote it."""
        if self._since is None or began > self._since:
            self._since = began

    def drop(self) -> None:
        """End the lease: another node has acquired it."""
        self._since = None

    def holds(self) -> bool:
        """Return whether the lease certainly holds."""
        return self._since is not None and self._clock() < self._since + self._span - self._span // _MARGIN

    @property
    def renews(self) -> bool:
        """True if it must be acquired or renewed now."""
        return self._since is None or self._clock() >= self._since + self._span // _RENEWALS


def always() -> bool:
    """Return True: for what is held under no lease."""
    return True
