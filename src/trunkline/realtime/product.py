"""The border to products: the struct by which a product joins the realtime door, and what it implements for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from trunkline.api.operation import Mount
from trunkline.api.params import Fields
from trunkline.core.storage.database import Row, Tx
from trunkline.realtime.border import Peer
from trunkline.realtime.tunnel import service_path


class ObjectDelivery(Protocol):
    """The subscribers of a product's objects, such as ``objects.live_delivery.LiveDelivery``."""

    def connected(self, peer: Peer) -> None:
        """Record that a client is logged in."""
        ...

    def disconnected(self, peer: Peer) -> None:
        """End the subscriptions of a client that is gone."""
        ...

    def begin_request(self, peer: Peer) -> None:
        """Record a connection as the author of its writes until ``end_request``."""
        ...

    def end_request(self, peer: Peer) -> tuple[bytes, ...]:
        """Record that a connection's request has ended. Return the frames that must follow its reply."""
        ...

    def recheck(self, service_sid: str) -> None:
        """End the subscriptions in a Service whose identities may no longer read."""
        ...

    def catch_up(self) -> None:
        """Read the events that were not announced to this node."""
        ...

    async def stop(self) -> None:
        """Cancel the reads that are still running."""
        ...


class Endpoint(Row, frozen=True):
    """A row of ``realtime_endpoints``: a client program of an identity, and its present connection."""

    product: str
    service_sid: str
    identity: str
    endpoint_id: str
    account_sid: str
    connection_id: str
    node: str

    @property
    def order(self) -> str:
        """The name of the identity, whose events are kept in order."""
        return f"{self.service_sid} {self.identity}"


class PresenceListener(Protocol):
    """A product that listens to the presence of identities. All methods await nothing but ``tx``; those for changes
    run in the transaction of the change, under the identity's lock."""

    async def watched(self, tx: Tx, service_sids: Collection[str]) -> set[str]:
        """Return those of the Services whose endpoints are recorded."""
        ...

    async def connected(self, tx: Tx, endpoint: Endpoint, *, replaced: bool) -> None:
        """Handle an endpoint that has connected, which may have ``replaced`` its older connection."""
        ...

    async def disconnected(self, tx: Tx, endpoint: Endpoint, *, others: int, closed: bool) -> int | None:
        """Handle an endpoint that is gone, while its identity has ``others``; ``closed`` if the client ended the
        connection itself. If it was the last one, return the milliseconds of grace after which ``absent`` is called
        unless the identity returns, or None."""
        ...

    async def absent(self, tx: Tx, endpoint: Endpoint) -> None:
        """Handle the end of a grace in which the identity did not return; ``endpoint`` was its last one."""
        ...


def no_fields(body: bytes) -> Fields:
    """Return no fields, for a product without operations that write."""
    return ()


@dataclass(frozen=True)
class RealtimeProduct:
    """A product behind the realtime door.

    ``grants`` are the names of the grants that lead to it. ``mounts`` are the operations for tunnelled requests, with
    ``tunnel`` set; ``base_url`` begins the URLs in their responses. ``path`` makes the full path from the segments of a
    request and the Service of its token, ``fields`` the parameters from its JSON body. A product without ``delivery``
    has no subscribers, one without ``presence`` does not listen to connections.
    """

    name: str
    grants: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    base_url: str = ""
    path: Callable[[tuple[str, ...], str], tuple[str, ...]] = service_path
    fields: Callable[[bytes], Fields] = no_fields
    delivery: ObjectDelivery | None = None
    presence: PresenceListener | None = None
