"""SIDs (two upper-case letters and 32 lower-case hex digits) and other random names. Pure.

The pattern is the vendor's (spec): ``^XX[0-9a-fA-F]{32}$``; SIDs are compared case-sensitively and generated in
lower case.
"""

from __future__ import annotations

import random
import re
import secrets
from functools import cache

ANY = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_unique = random.Random()  # noqa: S311


def new_sid(prefix: str) -> str:
    """Return a fresh SID with the two-letter ``prefix`` of its resource, such as ``IS`` or ``MG``."""
    return prefix + secrets.token_hex(16)


def new_token() -> str:
    """Return a fresh auth token or key secret: 32 hex digits, 128 random bits."""
    return secrets.token_hex(16)


def new_packet_id() -> str:
    """Return a unique id for a packet. It is not secret: the operating system's random source would cost as much as
    all else of a packet."""
    return f"TM{_unique.getrandbits(128):032x}"


@cache
def _pattern(prefix: str) -> re.Pattern[str]:
    return re.compile(prefix + r"[0-9a-fA-F]{32}")


def is_sid(text: str, prefix: str = "") -> bool:
    """Return whether ``text`` has the form of a SID, of the resource with ``prefix`` if one is given."""
    return (_pattern(prefix) if prefix else ANY).fullmatch(text) is not None
