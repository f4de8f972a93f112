"""Connection overrides in a URL's fragment (doc): ``https://host/path#ct=2000&rc=3&rp=5xx``.

===  ============================================  =============  =======
key  meaning                                       range          default
===  ============================================  =============  =======
ct   connect timeout, ms                           100 to 10000   5000
rt   time to the first byte, and between pieces    100 to 15000   15000
tt   time for all attempts, ms                     100 to 15000   15000
rc   retries                                       0 to 5         1
rp   what to retry: 4xx, 5xx, ct, rt, all          comma list     ct
e    egress edges; sni  y or n                     checked only: one machine has no choice of edges
===  ============================================  =============  =======

A bad value is an alert, and the default counts.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import msgspec


class Trouble(Enum):
    """What may be retried."""

    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    CONNECT = "ct"
    """No connection, in whatever way."""
    READ = "rt"
    """No answer, or no whole one, on a connection."""
    BUSY = "busy"
    """429, 503 and 504; for services that set their own policy, not to be had by an override."""


class Policy(msgspec.Struct, frozen=True):
    """Times in milliseconds, the number of retries and what is retried."""

    connect: int = 5000
    read: int = 15000
    total: int = 15000
    retries: int = 1
    on: frozenset[Trouble] = frozenset({Trouble.CONNECT})


class Problem(msgspec.Struct, frozen=True):
    """A bad override: the debugger's code and its text."""

    code: int
    text: str


_NUMBERS = {
    "ct": ("connect", 100, 10_000),
    "rt": ("read", 100, 15_000),
    "tt": ("total", 100, 15_000),
    "rc": ("retries", 0, 5),
}
_RETRIED = {trouble.value: {trouble} for trouble in Trouble if trouble is not Trouble.BUSY}
_RETRIED["all"] = set.union(*_RETRIED.values())
_EDGES = {
    *("ashburn", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo", "umatilla", "roaming"),
    *("ashburn-ix", "frankfurt-ix", "london-ix", "san-jose-ix", "singapore-ix", "sydney-ix"),
}
BAD_EDGE = 11240
BAD_OVERRIDE = 11243


def override(policy: Policy, fragment: str) -> tuple[Policy, list[Problem]]:
    """The policy with what a URL's fragment overrides, and what is wrong with that. Other keys mean nothing here."""
    changes: dict[str, int | frozenset[Trouble]] = {}
    problems: list[Problem] = []
    for key, separator, value in (part.partition("=") for part in fragment.split("&")):
        if not separator:
            continue
        value = unquote(value)
        if key in _NUMBERS:
            name, low, high = _NUMBERS[key]
            # ASCII only: int() takes other digits, signs and underscores too.
            if value.isascii() and value.isdigit() and len(value) < 7 and low <= int(value) <= high:
                changes[name] = int(value)
            else:
                problems.append(Problem(BAD_OVERRIDE, f"{key} must be a number from {low} to {high}"))
        elif key == "rp":
            names = value.split(",")
            if set(names) <= _RETRIED.keys():
                changes["on"] = frozenset().union(*(_RETRIED[name] for name in names))
            else:
                problems.append(Problem(BAD_OVERRIDE, f"rp must be of {', '.join(_RETRIED)}"))
        elif key == "e" and not set(value.split(",")) <= _EDGES:
            problems.append(Problem(BAD_EDGE, "e must name edges"))
        elif key == "sni" and value not in ("y", "n"):
            problems.append(Problem(BAD_OVERRIDE, "sni must be y or n"))
    return msgspec.structs.replace(policy, **changes), problems
