"""Origins of browsers' pages: scheme, host and port (RFC 6454). Pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://([a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65535


def canonical_origin(text: str) -> str:
    """Return the origin as browsers write it: in small letters, without the scheme's own port. Raise ValueError for
    anything else, such as ``null``, a path, a wildcard or a name that is not ASCII."""
    found = _ORIGIN.fullmatch(text) if text.isascii() else None
    if found is None:
        raise ValueError(text)
    scheme, host, port = found[1].lower(), found[2].lower(), int(found[3]) if found[3] else None
    if host.startswith("["):
        host = f"[{IPv6Address(host[1:-1])}]"
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    if not 0 < port <= _MAX_PORT:
        raise ValueError(text)
    return f"{scheme}://{host}:{port}"
