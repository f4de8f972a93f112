"""Patterns of hosts: a name, or ``*.`` and the end of names, with a port that is 443 unless given. Pure."""

from __future__ import annotations

import re

import msgspec

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_PATTERN = re.compile(rf"(\*\.)?({_LABEL}(?:\.{_LABEL})*)(?::([0-9]{{1,5}}))?")
_DEFAULT_PORT = 443
_MAX_PORT = 65_535


class HostPattern(msgspec.Struct, frozen=True):
    """The host ``name``, or with ``below`` every host below it, on one port."""

    name: str
    port: int
    below: bool = False

    def matches(self, host: str, port: int) -> bool:
        """Return whether a host in lower case, without the root's dot, fits."""
        return port == self.port and (host.endswith(f".{self.name}") if self.below else host == self.name)


def parse_pattern(text: str) -> HostPattern:
    """Return the pattern that ``text`` writes, such as ``*.example.com`` or ``fonts.example.com:8443``. Raise
    ValueError for any other text."""
    found = _PATTERN.fullmatch(text.lower())
    port = int(found[3]) if found and found[3] else _DEFAULT_PORT
    if (
        found is None
        or len(found[2]) > 253
        or not 1 <= port <= _MAX_PORT
        or (found[1] and "." not in found[2])
    ):
        raise ValueError(text)
    return HostPattern(found[2], port, below=found[1] is not None)
