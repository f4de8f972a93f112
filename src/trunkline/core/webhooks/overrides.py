"""Connection overrides in a URL's fragment (doc): ``https://host/path#ct=2000&rc=3&rp=5xx``. Pure.

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

A bad value raises an alert, and the default applies.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import msgspec


class RetryCondition(Enum):
    """A condition under which an attempt is retried."""

    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    CONNECT = "ct"
    """No connection, for whatever reason."""
    READ = "rt"
    """No response, or no complete one, on a connection."""
    BUSY = "busy"
    """429, 503 and 504; for services that set their own policy, not available by an override."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """The timeouts in milliseconds, the number of retries and the conditions to retry on."""

    connect: int = 5000
    read: int = 15000
    total: int = 15000
    retries: int = 1
    on: frozenset[RetryCondition] = frozenset({RetryCondition.CONNECT})


class OverrideProblem(msgspec.Struct, frozen=True):
    """A bad override: the debugger's code and its text."""

    code: int
    text: str


_NUMBERS = {
    "ct": ("connect", 100, 10_000),
    "rt": ("read", 100, 15_000),
    "tt": ("total", 100, 15_000),
    "rc": ("retries", 0, 5),
}
_RETRIED = {
    condition.value: {condition} for condition in RetryCondition if condition is not RetryCondition.BUSY
}
_RETRIED["all"] = set.union(*_RETRIED.values())
_EDGES = {
    *("ashburn", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo", "umatilla", "roaming"),
    *("ashburn-ix", "frankfurt-ix", "london-ix", "san-jose-ix", "singapore-ix", "sydney-ix"),
}
BAD_EDGE = 11240
BAD_OVERRIDE = 11243


def override(policy: RetryPolicy, fragment: str) -> tuple[RetryPolicy, list[OverrideProblem]]:
    """Return the policy with the overrides of a URL's fragment, and the problems in these. Other keys are ignored."""
    changes: dict[str, int | frozenset[RetryCondition]] = {}
    problems: list[OverrideProblem] = []
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
                problems.append(OverrideProblem(BAD_OVERRIDE, f"{key} must be a number from {low} to {high}"))
        elif key == "rp":
            names = value.split(",")
            if set(names) <= _RETRIED.keys():
                changes["on"] = frozenset().union(*(_RETRIED[name] for name in names))
            else:
                problems.append(OverrideProblem(BAD_OVERRIDE, f"rp must be of {', '.join(_RETRIED)}"))
        elif key == "e" and not set(value.split(",")) <= _EDGES:
            problems.append(OverrideProblem(BAD_EDGE, "e must name edges"))
        elif key == "sni" and value not in ("y", "n"):
            problems.append(OverrideProblem(BAD_OVERRIDE, "sni must be y or n"))
    return msgspec.structs.replace(policy, **changes), problems
