"""The outcomes of checks."""

from __future__ import annotations

from enum import Enum

import msgspec


class Level(Enum):
    """The severity of a finding. A server does not start, or loses data, while a check fails."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class DoctorFinding(msgspec.Struct, frozen=True):
    """The outcome of a check, with a remedy unless it is ok."""

    name: str
    level: Level
    message: str
    remedy: str = ""


def ok(name: str, message: str) -> DoctorFinding:
    """Return a finding without a problem."""
    return DoctorFinding(name, Level.OK, message)


def warned(name: str, message: str, remedy: str) -> DoctorFinding:
    """Return a finding of something that works, but not for long or not safely."""
    return DoctorFinding(name, Level.WARN, message, remedy)


def failed(name: str, message: str, remedy: str) -> DoctorFinding:
    """Return a finding of something that does not work, or endangers data."""
    return DoctorFinding(name, Level.FAIL, message, remedy)
