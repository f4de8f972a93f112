"""Times to live: the parameter and its effect on an expiry date.

0 to 31,536,000 seconds, 0 never expires (doc). An absent or empty one leaves the date as it is, and a change of data
does not move it (client). Expired things are invisible to every read at once; their rows are removed soon after.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from trunkline.api.params import Parser, integer
from trunkline.core.clock import SECOND

MAX_SECONDS = 31_536_000
INVALID = 54011


def seconds() -> Parser:
    """Return the parser of a time to live in seconds; an empty value is None."""
    return Parser(integer(0, MAX_SECONDS, code=INVALID).parse, clears=True)


def chosen(*given: int | UnsetType | None) -> int | None:
    """Return the first of several names for one time to live that has a value."""
    return next((value for value in given if value is not None and value is not UNSET), None)


def expiry(now: int, ttl: int | None, current: int | None = None) -> int | None:
    """Return the expiry date after a write at ``now``, in microseconds; None never expires."""
    if ttl is None:
        return current
    return now + ttl * SECOND if ttl else None
