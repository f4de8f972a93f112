"""The border to products: the struct by which a product joins the realtime door, and what it implements for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from trunkline.api.operation import Mount
from trunkline.api.params import Fields
from trunkline.core.storage.database import Tx
from trunkline.realtime.border import Peer
from trunkline.realtime.tunnel import service_path

ServiceFinder = Callable[[Tx, str, str], Awaitable[str | None]]
"""Returns the SID of the account's Service that a grant names (account SID, then SID or ``default``), or None. Raises
NeedsWrite if the Service must be created."""


class Delivery(Protocol):
    """The subscribers of a product's objects, such as ``objects.live.LiveDelivery``."""

    def connected(self, peer: Peer) -> None:
        """Record that a client is logged in."""
        ...

    def disconnected(self, peer: Peer) -> None:
        """End the subscriptions of a client that is gone."""
        ...

    def writing(self, peer: Peer, then: list[bytes]) -> AbstractContextManager[None]:
        """Treat a connection as the author of its writes while its request runs. Put the frames that must follow the
        answer into ``then``."""
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


def no_fields(body: bytes) -> Fields:
    """Return no fields, for a product without operations that write."""
    return ()


@dataclass(frozen=True)
class RealtimeProduct:
    """A product behind the realtime door.

    ``grants`` are the names of the grants that lead to it, the first of which names the product to the verifier of
    tokens; ``find_service`` finds the Service of a grant. ``mounts`` are the operations for tunnelled requests, with
    ``tunnel`` set; ``base_url`` begins the URLs in their answers. ``path`` makes the full path from the segments of a
    request and the Service of its token, ``fields`` the parameters from its JSON body. A product without ``delivery``
    has no subscribers, one without ``presence`` does not listen to connections.
    """

    name: str
    grants: tuple[str, ...]
    find_service: ServiceFinder
    mounts: tuple[Mount, ...] = ()
    base_url: str = ""
    path: Callable[[tuple[str, ...], str], tuple[str, ...]] = service_path
    fields: Callable[[bytes], Fields] = no_fields
    delivery: Delivery | None = None
