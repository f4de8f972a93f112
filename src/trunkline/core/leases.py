"""Leases from their holders' side, and the outcomes that come in when a lease is over. Pure.

1. A lease is stored with its end by the clock of the storage. Its holder counts it on two clocks, from before the
   transaction began that acquired or renewed it, and it is over as soon as one of them shows that. The steady clock
   counts on while the process is stopped or the machine sleeps, whatever is done to other clocks. The storage's clock,
   as the node has measured it, jumps ahead where the steady one lost time (a virtual machine that was halted) and where
   the database moved to a host with another clock: other nodes see the end of the lease by that one.
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

Reading = tuple[int, int]
"""A reading of the clocks of a lease, in microseconds: of the steady one, and of the storage's."""


class LeaseLost(Exception):
    """The lease ended: what was held under it belongs to another node, or will."""

    def __init__(self, text: str = "the lease ended") -> None:
        super().__init__(text)


class LateOutcome(msgspec.Struct, frozen=True):
    """The announcement of an outcome that was refused, as its lease was over and another node had acquired what it is
    about. ``text`` is for the operator: what may have been done twice."""

    text: str


def lease_clock(steady: Callable[[], int], stored: Callable[[], int]) -> Callable[[], Reading]:
    """Return the reading of a steady clock and of the storage's. One that records no jumps has none that count."""
    if not hasattr(stored, "take_jumps"):
        stored = steady
    return lambda: (steady(), stored())


class HeldLease:
    """A lease of ``span`` microseconds by ``clock``. It is not held before ``extend``."""

    __slots__ = ("_clock", "_since", "_span")

    def __init__(self, span: int, clock: Callable[[], Reading]) -> None:
        self._span = span
        self._clock = clock
        self._since: Reading | None = None

    def extend(self, began: Reading) -> None:
        """Count the lease from ``began``, a reading of the clock before the transaction that wrote it."""
        if self._since is None or began[0] >= self._since[0]:
            self._since = began

    def drop(self) -> None:
        """End the lease: another node has acquired it."""
        self._since = None

    def holds(self) -> bool:
        """Return whether the lease certainly holds."""
        return self._is_within(self._span - self._span // _MARGIN)

    @property
    def renews(self) -> bool:
        """True if it must be acquired or renewed now."""
        return not self._is_within(self._span // _RENEWALS)

    def _is_within(self, span: int) -> bool:
        if self._since is None:
            return False
        steady, stored = self._clock()
        return max(steady - self._since[0], stored - self._since[1]) < span


def always() -> bool:
    """Return True: for what is held under no lease."""
    return True
