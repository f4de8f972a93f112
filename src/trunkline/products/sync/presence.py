"""This node's part in reachability: who is connected to it, told to the database in batches, and its lease.

Services that do not want to hear of connections cost a look at their settings for each batch, and nothing else. What
could not be written is tried again, in order; the lease of a node that is cut off runs out meanwhile, and its clients
count as gone until it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec

from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.products.sync import reachability, services
from trunkline.products.sync.reachability import Endpoint
from trunkline.realtime.border import Peer

log = logging.getLogger("trunkline.sync")

BEAT_SECONDS = 5.0
"""Between two signs of life: a quarter of the lease."""
RETRY_SECONDS = 1.0
STOP_SECONDS = 3.0
BATCH = 200


class _Change(msgspec.Struct, frozen=True):
    endpoint: Endpoint
    here: bool
    silent: bool = False


class Presence:
    """The clients of this node that have an identity and a grant for Sync. All methods belong to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._node = new_token()
        self._here: dict[str, Endpoint] = {}
        self._known: set[str] = set()
        self._changes: list[_Change] = []
        self._awake = asyncio.Event()
        self._settling = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def connected(self, peer: Peer) -> None:
        """A client is logged in."""
        endpoint = self._endpoint(peer)
        if endpoint is not None:
            self._here[peer.id] = endpoint
            self._change(_Change(endpoint, here=True))

    def disconnected(self, peer: Peer) -> None:
        """A client is gone."""
        endpoint = self._here.pop(peer.id, None)
        if endpoint is not None:
            self._change(_Change(endpoint, here=False))

    async def start(self) -> None:
        """Begin to write down who comes and goes, and to look for nodes that are no more."""
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._live())]

    async def stop(self) -> None:
        """All clients of this node are gone: write that down, within 3 s; else the lease runs out."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for endpoint in self._here.values():
            self._change(_Change(endpoint, here=False))
        self._here.clear()
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.settle()
                await self._database.write(lambda tx: reachability.end_lease(tx, self._node))

    async def settle(self) -> None:
        """Write down who came and went until now. Raises StorageError; then it is still to be done."""
        async with self._settling:
            while self._changes:
                batch = self._changes[:BATCH]
                await self._settle(batch)
                del self._changes[: len(batch)]

    async def beat(self) -> None:
        """Renew the lease, begin to count clients whose Service wants to hear of them by now, and take the clients of
        nodes that are no more for gone. Raises StorageError."""
        if self._known and not await self._database.write(lambda tx: reachability.keep_lease(tx, self._node)):
            self._lapsed()
        await self._enlist()
        while found := await self._database.scan(lambda tx: reachability.stranded(tx, BATCH)):
            await self._database.write(lambda tx, found=found: reachability.sweep(tx, found))  # type: ignore[misc]
            await self._database.write(reachability.forget_nodes)
        await self.settle()

    # The inside

    def _endpoint(self, peer: Peer) -> Endpoint | None:
        grant = peer.grant
        service_sid = grant.services.get("data_sync")
        if service_sid is None or not grant.identity:
            return None
        return Endpoint(service_sid, grant.identity, peer.endpoint_id, grant.account_sid, peer.id, self._node)

    def _change(self, change: _Change) -> None:
        self._changes.append(change)
        self._awake.set()

    async def _settle(self, batch: list[_Change]) -> None:
        wanted = await self._wanted({change.endpoint.service_sid for change in batch})
        counted = [
            change
            for change in batch
            if change.endpoint.service_sid in wanted or change.endpoint.connection_id in self._known
        ]
        if not counted:
            return
        # Locks are taken in one order everywhere; of one identity the order of events stays.
        counted.sort(key=lambda change: f"{change.endpoint.account_sid} {change.endpoint.order}")

        async def write(tx: Tx) -> bool:
            kept = await reachability.keep_lease(tx, self._node)
            for change in counted:
                if change.here:
                    await reachability.arrive(tx, change.endpoint, silent=change.silent)
                else:
                    await reachability.leave(tx, change.endpoint)
            return kept

        kept = await self._database.write(write)
        if not kept:
            self._lapsed()
        for change in counted:
            if change.here and change.endpoint.service_sid in wanted:
                self._known.add(change.endpoint.connection_id)
            elif not change.here:
                self._known.discard(change.endpoint.connection_id)

    async def _wanted(self, sids: set[str]) -> set[str]:
        async def ask(tx: Tx) -> set[str]:
            return {sid for sid in sids if reachability.is_wanted(await services.by_sid(tx, sid))}

        return await self._database.read(ask)

    def _lapsed(self) -> None:
        """Others may have taken this node's clients for gone: whoever was is told as connected again."""
        for connection_id in self._known:
            if (endpoint := self._here.get(connection_id)) is not None:
                self._change(_Change(endpoint, here=True))

    async def _enlist(self) -> None:
        uncounted = [one for one in self._here.values() if one.connection_id not in self._known]
        if not uncounted:
            return
        wanted = await self._wanted({one.service_sid for one in uncounted})
        on_their_way = {change.endpoint.connection_id for change in self._changes}
        for one in uncounted:
            still = one.connection_id in self._here and one.connection_id not in self._known
            if still and one.service_sid in wanted and one.connection_id not in on_their_way:
                self._change(_Change(one, here=True, silent=True))

    async def _write(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            try:
                await self.settle()
            except StorageError as error:
                log.warning("connections wait for the database: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                self._awake.set()

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.beat()
            except StorageError as error:
                log.warning("the sign of life waits for the database: %s", error)
