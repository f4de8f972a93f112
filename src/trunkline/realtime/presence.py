"""This node's part in presence: its clients, written to the database in batches, and its lease.

Clients that come and go are put into a list, which one task writes in batches, in order; a batch that fails is written
again. A second task renews the node's lease every 5 s. A third begins to record clients whose Service listens by now,
and removes the endpoints of nodes whose lease has run out, however long that takes, unless its clock permits no due
work. If this node's own lease had run out, other nodes may have removed its endpoints, so they are recorded again. A
lock keeps batches from overlapping; everything else belongs to one event loop. A Service that does not listen costs one
read of its settings for each batch; a product without clients, or without a listener, costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

import msgspec

from trunkline.core.clock import permits_due_work
from trunkline.core.periodic import PeriodicTask
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.realtime import endpoints
from trunkline.realtime.border import Peer
from trunkline.realtime.product import Endpoint, RealtimeProduct

BEAT_SECONDS = 5.0
"""The pause between two renewals of the lease: a quarter of it."""
STOP_SECONDS = 3.0
BATCH = 200


class _Change(msgspec.Struct, frozen=True):
    endpoint: Endpoint
    here: bool
    silent: bool = False
    closed: bool = False


class Presence:
    """The clients of this node that have an identity and a grant for a product that listens."""

    def __init__(self, database: Database, products: Sequence[RealtimeProduct]) -> None:
        self._database = database
        self._products = [product for product in products if product.presence]
        self.listeners = {product.name: product.presence for product in products if product.presence}
        self._node = new_token()
        self._here: dict[str, tuple[Endpoint, ...]] = {}
        self._recorded: set[tuple[str, str]] = set()
        self._changes: list[_Change] = []
        self._flushing = asyncio.Lock()
        self._writing = PeriodicTask("connections", self.flush, None, due_by=None)
        self._renewing = PeriodicTask("presence leases", self._renew_lease, BEAT_SECONDS, due_by=None)
        self._sweeping = PeriodicTask("connections of lost nodes", self.renew, BEAT_SECONDS, due_by=None)

    def connected(self, peer: Peer) -> None:
        """Record that a client is logged in."""
        found = self._endpoints(peer)
        if found:
            self._here[peer.id] = found
            self._enqueue(_Change(endpoint, here=True) for endpoint in found)

    def disconnected(self, peer: Peer) -> None:
        """Record that a client is gone."""
        closed = peer.closed
        self._enqueue(
            _Change(endpoint, here=False, closed=closed) for endpoint in self._here.pop(peer.id, ())
        )

    async def start(self) -> None:
        """Start the tasks."""
        self._writing.start()
        self._renewing.start()
        self._sweeping.start()

    async def stop(self) -> None:
        """Record that all clients of this node are gone, within 3 s; else the lease runs out."""
        await self._writing.stop()
        await self._sweeping.stop()
        await self._renewing.stop()
        for found in self._here.values():
            self._changes += (_Change(endpoint, here=False) for endpoint in found)
        self._here.clear()
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.flush()
                await self._database.write(lambda tx: endpoints.end_lease(tx, self._node))

    async def flush(self) -> None:
        """Write all changes until now. Raise StorageError; the changes then stay in the list."""
        async with self._flushing:
            while self._changes:
                batch = self._changes[:BATCH]
                await self._write(batch)
                del self._changes[: len(batch)]

    async def renew(self) -> None:
        """Renew the lease, record clients whose Service listens by now, and remove the clients of nodes that are gone.
        Raise StorageError."""
        await self._renew_lease()
        await self._record_late()
        if permits_due_work(self._database.clock):
            await self._remove_stranded()
        await self.flush()

    # The inside

    async def _renew_lease(self) -> None:
        if self._recorded and not await self._database.write(
            lambda tx: endpoints.renew_lease(tx, self._node)
        ):
            self._record_again()

    async def _remove_stranded(self) -> None:
        while found := await self._database.scan(lambda tx: endpoints.stranded(tx, BATCH)):
            await self._database.write(
                lambda tx, found=found: endpoints.sweep(tx, self.listeners, found)  # type: ignore[misc]
            )
            await self._database.write(endpoints.remove_nodes)

    def _endpoints(self, peer: Peer) -> tuple[Endpoint, ...]:
        grant = peer.grant
        if not grant.identity:
            return ()
        found = []
        for product in self._products:
            service_sid = next(
                (grant.services[name] for name in product.grants if name in grant.services), None
            )
            if service_sid is not None:
                found.append(
                    Endpoint(
                        product.name,
                        service_sid,
                        grant.identity,
                        peer.endpoint_id,
                        grant.account_sid,
                        peer.id,
                        self._node,
                    )
                )
        return tuple(found)

    def _enqueue(self, changes: Iterable[_Change]) -> None:
        self._changes += changes
        if self._changes:
            self._writing.wake()

    async def _write(self, batch: list[_Change]) -> None:
        watched = await self._watched(change.endpoint for change in batch)
        recorded = [
            change
            for change in batch
            if _service(change.endpoint) in watched or _key(change.endpoint) in self._recorded
        ]
        if not recorded:
            return
        # Locks are acquired in one order everywhere; of one identity the order of events stays.
        recorded.sort(key=lambda change: endpoints.lock_key(change.endpoint))

        async def write(tx: Tx) -> bool:
            kept = await endpoints.renew_lease(tx, self._node)
            for change in recorded:
                listener = self.listeners[change.endpoint.product]
                if change.here:
                    await endpoints.arrive(tx, listener, change.endpoint, silent=change.silent)
                else:
                    await endpoints.leave(tx, listener, change.endpoint, closed=change.closed)
            return kept

        if not await self._database.write(write):
            self._record_again()
        for change in recorded:
            if change.here and _service(change.endpoint) in watched:
                self._recorded.add(_key(change.endpoint))
            elif not change.here:
                self._recorded.discard(_key(change.endpoint))

    async def _watched(self, found: Iterable[Endpoint]) -> set[tuple[str, str]]:
        """Return the product and SID of those Services of the endpoints that listen."""
        services: dict[str, set[str]] = {}
        for endpoint in found:
            services.setdefault(endpoint.product, set()).add(endpoint.service_sid)

        async def read(tx: Tx) -> set[tuple[str, str]]:
            return {
                (product, sid)
                for product, sids in services.items()
                for sid in await self.listeners[product].watched(tx, sids)
            }

        return await self._database.query(read)

    def _record_again(self) -> None:
        """Enqueue the recorded endpoints once more: other nodes may have removed them."""
        self._enqueue(
            _Change(endpoint, here=True) for endpoint in self._all() if _key(endpoint) in self._recorded
        )

    async def _record_late(self) -> None:
        """Enqueue the endpoints whose Service did not listen when they connected, and does now."""
        unrecorded = [endpoint for endpoint in self._all() if _key(endpoint) not in self._recorded]
        if not unrecorded:
            return
        watched = await self._watched(unrecorded)
        enqueued = {_key(change.endpoint) for change in self._changes}
        self._enqueue(
            _Change(endpoint, here=True, silent=True)
            for endpoint in unrecorded
            if endpoint.connection_id in self._here
            and _key(endpoint) not in self._recorded
            and _service(endpoint) in watched
            and _key(endpoint) not in enqueued
        )

    def _all(self) -> list[Endpoint]:
        return [endpoint for found in self._here.values() for endpoint in found]


def _service(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.product, endpoint.service_sid


def _key(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.product, endpoint.connection_id
