"""The connections whose clients have not logged in, which are bounded: the one that was idle longest gives way.

Anybody can open connections, and each is an open file. One that has logged in is no longer counted and never gives way.
A client's addresses of one IPv6 network of 64 bits count as one; a proxy that is trusted stands for many clients, so
that only the bound on all connections applies to it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

Networks = Sequence[IPv4Network | IPv6Network]

_HOST_BITS = 64


class _Client(NamedTuple):
    address: str
    end: Callable[[], object]


class AnonymousConnections:
    """The idle connections of one door by the time of their last activity, at most ``limit`` in all, and
    ``per_address`` of one address outside ``proxies``."""

    def __init__(self, limit: int, per_address: int, proxies: Networks = ()) -> None:
        self._limit = limit
        self._per_address = per_address
        self._proxies = tuple(proxies)
        self._clients: dict[Hashable, _Client] = {}
        self._addresses: dict[str, dict[Hashable, None]] = {}

    def __len__(self) -> int:
        """Return their number."""
        return len(self._clients)

    def enter(self, connection: Hashable, address: str, end: Callable[[], object]) -> None:
        """Count a new connection, which ``end`` ends. End another if there are too many now."""
        source = _source(address, self._proxies)
        self._clients[connection] = _Client(source, end)
        if source:
            neighbours = self._addresses.setdefault(source, {})
            neighbours[connection] = None
            if len(neighbours) > self._per_address:
                self._end(next(iter(neighbours)))
                return
        if len(self._clients) > self._limit:
            self.give_way()

    def touch(self, connection: Hashable) -> None:
        """Record that a connection, if it is counted, is not idle now."""
        client = self._clients.pop(connection, None)
        if client is None:
            return
        self._clients[connection] = client
        if client.address:
            neighbours = self._addresses[client.address]
            del neighbours[connection]
            neighbours[connection] = None

    def leave(self, connection: Hashable) -> None:
        """Count a connection no longer: it has ended, or its client has logged in."""
        client = self._clients.pop(connection, None)
        if client is None or not client.address:
            return
        neighbours = self._addresses[client.address]
        del neighbours[connection]
        if not neighbours:
            del self._addresses[client.address]

    def give_way(self) -> bool:
        """End the connection that was idle longest. Return False if there is none."""
        oldest = next(iter(self._clients), None)
        if oldest is None:
            return False
        self._end(oldest)
        return True

    def _end(self, connection: Hashable) -> None:
        end = self._clients[connection].end
        self.leave(connection)
        end()


@lru_cache(4096)
def _source(address: str, proxies: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """Return the name under which a client's connections are counted; empty for a proxy, and for no IP address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    # A listener for both families shows an IPv4 client as ::ffff:a.b.c.d.
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if any(parsed in network for network in proxies):
        return ""
    return str(int(parsed) >> _HOST_BITS) if isinstance(parsed, IPv6Address) else str(parsed)
