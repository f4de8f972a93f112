"""What a check says."""

from __future__ import annotations

from enum import Enum

import msgspec


class Level(Enum):
    """How a check ended; a server does not start, or loses data, while something fails."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """The outcome of a check, and what to do; nothing is to do when it is ok."""

    name: str
    level: Level
    message: str
    remedy: str = ""


def ok(name: str, message: str) -> Finding:
    """All is well."""
    return Finding(name, Level.OK, message)


def warned(name: str, message: str, remedy: str) -> Finding:
    """It works, but not for long or not safely."""
    return Finding(name, Level.WARN, message, remedy)


def failed(name: str, message: str, remedy: str) -> Finding:
    """It does not work, or data are in danger."""
    return Finding(name, Level.FAIL, message, remedy)
