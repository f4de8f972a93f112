"""The manifest of a product: everything by which the root composes it into a node.

The static part, ``Manifest``, is made from the settings alone: operations and tables. ``Manifest.run`` makes the
runtime part from the pieces of a node that is being put together: job handlers, handlers of announcements, public
paths, gauges, and the components that start and stop with the node.

Components start in the order of the list of products, after the job runner and the realtime door, and stop in the
reverse order before them. ``draining`` is called, without being awaited at once, when the node begins to stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from trunkline.api.auth import Directory
from trunkline.api.operation import Operation, Product
from trunkline.api.public import Public
from trunkline.core.blobs.store import BlobReference, BlobStore
from trunkline.core.clock import Clock
from trunkline.core.egress.client import Egress
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.holds import Hold
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import RemovalPlan
from trunkline.core.storage.retention import TableRetention
from trunkline.core.webhooks.delivery import Delivery
from trunkline.realtime.product import RealtimeProduct
from trunkline.transports.base import Carriers

ServiceFinder = Callable[[Tx, str, str], Awaitable[str | None]]
"""The finder of the Service that a grant names, by account SID and SID or ``default``: its SID, or None. It raises
NeedsWrite if the Service must be created and the transaction is a read."""


class PublicAddress(msgspec.Struct):
    """The address under which phones and networks reach this server; empty until the server listens."""

    url: str = ""


class Context(msgspec.Struct, frozen=True):
    """The pieces of a node that products use. ``sandboxed`` is True if every carrier is the sandbox; ``frame``
    makes a realtime client's frame from a message type and a JSON payload."""

    database: Database
    blobs: BlobStore
    vault: Vault
    clock: Clock
    egress: Egress
    delivery: Delivery
    directory: Directory
    carriers: Carriers
    sandboxed: bool
    address: PublicAddress
    frame: Callable[[str, bytes], bytes]


class Component(Protocol):
    """A part of a product that works for as long as the node runs."""

    async def start(self) -> None:
        """Begin to work. Raise StorageError if the database cannot be used."""
        ...

    async def stop(self) -> None:
        """Finish or undo the work under way and end. A second call has no effect."""
        ...


class GaugeValue(msgspec.Struct, frozen=True):
    """A gauge among the node's metrics; ``value`` is called whenever the metrics are read."""

    name: str
    help: str
    value: Callable[[], float]


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """A product on a running node. ``jobs`` handles jobs by kind; ``handle`` is called with each announcement, and
    with whether this node made it; ``public`` serves paths without credentials; by ``realtime`` the product joins the
    realtime door."""

    jobs: Mapping[str, Handler] = {}
    public: tuple[Public, ...] = ()
    components: tuple[Component, ...] = ()
    draining: tuple[Callable[[], Awaitable[None]], ...] = ()
    gauges: tuple[GaugeValue, ...] = ()
    realtime: RealtimeProduct | None = None
    handle: Callable[[Any, bool], None] | None = None


def _nothing(context: Context) -> Runtime:
    return Runtime()


class Manifest(msgspec.Struct, frozen=True):
    """A product: its operations, its tables, the ``announcements`` whose types nodes pass to each other, its operations
    in the ``control`` API, how it runs, the columns that refer to blobs, by grant the finders of the Services that
    access tokens name, the moments of its tables that hold work back, the plans by which its resources are deleted, and
    what governs the rows of each table, whose parents stand behind their children."""

    product: Product
    migrations: tuple[Migration, ...] = ()
    announcements: tuple[type[msgspec.Struct], ...] = ()
    control: tuple[Operation, ...] = ()
    run: Callable[[Context], Runtime] = _nothing
    blob_references: tuple[BlobReference, ...] = ()
    finders: Mapping[str, ServiceFinder] = {}
    holds: tuple[Hold, ...] = ()
    removals: tuple[RemovalPlan, ...] = ()
    retention: tuple[TableRetention, ...] = ()

    @property
    def name(self) -> str:
        """The product's name."""
        return self.product.name
