"""Concatenation references of one sender. Pure."""

from __future__ import annotations

from collections import OrderedDict

_PAIRS = 10_000
"""Recipients whose last reference is remembered."""


class References:
    """A counter from 0 to 255 for each recipient, since random references collide."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()

    def next(self, recipient: str, start: int) -> int:
        """The next reference for a recipient; that of ``start`` where there was none yet."""
        reference = (self._last.pop(recipient, start - 1) + 1) & 0xFF
        self._last[recipient] = reference
        if len(self._last) > _PAIRS:
            self._last.popitem(last=False)
        return reference
