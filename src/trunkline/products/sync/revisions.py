"""Revisions: lower-case hexadecimal event ids, and the condition of an If-Match header (both: client).

Every Document, List and Map counts its events from 0. A Document's revision is the id of its latest event; an item's
that of the event that changed it last; a List's or Map's is one above its latest event, so that a new one has "0".
"""

from __future__ import annotations

import re

from trunkline.api.errors import ApiError

ABSENT = -1
"""The condition ``-1``: only if there is no such item (client: realtime writes of map items)."""

_REVISION = re.compile(r"(?:W/)?(\"?)(-1|[0-9A-Fa-f]{1,15})\1")


def revision(event_id: int) -> str:
    """Return the revision that the event with this id makes."""
    return f"{event_id:x}"


def collection_revision(last_event_id: int) -> str:
    """Return the revision of a List or Map; -1 stands for no event yet."""
    return f"{last_event_id + 1:x}"


def condition(header: str | None) -> int | None:
    """Return the event id that an If-Match header requires, quoted or bare; None without one and for ``*``, since what
    does not exist is not found anyway. Raise ApiError 54003 if it is malformed."""
    if header is None or header.strip() == "*":
        return None
    match = _REVISION.fullmatch(header.strip())
    if match is None:
        raise ApiError(54003)
    return ABSENT if match[2] == "-1" else int(match[2], 16)


def check(wanted: int | None, event_id: int, code: int) -> None:
    """Raise ApiError with ``code`` if the condition is not met."""
    if wanted is not None and wanted != event_id:
        raise ApiError(code)
