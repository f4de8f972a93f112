"""The connected endpoints of all nodes, their nodes' leases, and the graces of identities that are gone.

An endpoint is one client program that is connected with an identity; the rules (seed; the last three inferred):

- The product's listener is called in the transaction of each change, under the identity's lock.
- The listener may set a grace when the last endpoint of an identity is gone; at its end ``absent`` is called, unless
  the identity is back by then, with any endpoint. The timer is a durable job.
- A connection that replaces one of the same endpoint ends that one.
- A client without an identity has no endpoint.
- The endpoints of a node that was killed are gone when its lease has run out.

Nothing here is kept in memory: every change is one of the tables.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Success
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.realtime.product import Endpoint, PresenceListener
from trunkline.realtime.schema import LEASE

KIND = "presence_absence"
"""The kind of the job that waits for the end of a grace."""

Listeners = Mapping[str, PresenceListener]
"""From a product to its listener."""

_LIVE_NODE = (
    "SELECT 1 FROM realtime_nodes WHERE realtime_nodes.node = realtime_endpoints.node AND until > :now"
)
_IDENTITY = "product = :product AND service_sid = :service_sid AND identity = :identity"
_ENDPOINT = f"{_IDENTITY} AND endpoint_id = :endpoint_id"


class Absence(Row, frozen=True):
    """A row of ``realtime_absences``: ``endpoint_id`` was the last to leave; ``due`` is in microseconds."""

    product: str
    service_sid: str
    identity: str
    endpoint_id: str
    due: int


class AbsenceJob(msgspec.Struct, frozen=True):
    """The payload of the job that waits for the end of a grace."""

    account_sid: str
    absence: Absence


async def arrive(tx: Tx, listener: PresenceListener, endpoint: Endpoint, *, silent: bool = False) -> None:
    """Record that an endpoint has connected, unless that is recorded. Do not notify the listener if ``silent``: the
    Service began to listen after the connection."""
    await tx.lock(lock_key(endpoint))
    known = await tx.value(
        f"SELECT connection_id FROM realtime_endpoints WHERE {_ENDPOINT}", **_named(endpoint)
    )
    if known == endpoint.connection_id:
        return
    await tx.run(f"DELETE FROM realtime_endpoints WHERE {_ENDPOINT}", **_named(endpoint))
    await tx.insert("realtime_endpoints", endpoint)
    await tx.run(
        f"DELETE FROM realtime_absences WHERE {_IDENTITY}",
        product=endpoint.product,
        service_sid=endpoint.service_sid,
        identity=endpoint.identity,
    )
    if not silent:
        await listener.connected(tx, endpoint, replaced=known is not None)


async def leave(tx: Tx, listener: PresenceListener, endpoint: Endpoint, *, closed: bool) -> None:
    """Record that a connection is gone. Do nothing for one that was replaced meanwhile or is not known."""
    await tx.lock(lock_key(endpoint))
    gone = await tx.run(
        f"DELETE FROM realtime_endpoints WHERE {_ENDPOINT} AND connection_id = :connection_id",
        connection_id=endpoint.connection_id,
        **_named(endpoint),
    )
    if gone:
        await _left(tx, listener, endpoint, closed)


async def renew_lease(tx: Tx, node: str) -> bool:
    """Let the node's endpoints count as connected for another lease. Return false if the lease had run out, so that
    other nodes may have removed the endpoints."""
    kept = await tx.run(
        "UPDATE realtime_nodes SET until = :until WHERE node = :node AND until > :now",
        until=tx.now + LEASE,
        node=node,
        now=tx.now,
    )
    if not kept:
        await tx.run(
            "INSERT INTO realtime_nodes (node, until) VALUES (:node, :until)"
            " ON CONFLICT (node) DO UPDATE SET until = excluded.until",
            node=node,
            until=tx.now + LEASE,
        )
    return bool(kept)


async def end_lease(tx: Tx, node: str) -> None:
    """Remove the lease of a node that has no endpoints any more."""
    await tx.run("DELETE FROM realtime_nodes WHERE node = :node", node=node)


async def stranded(tx: Tx, limit: int) -> list[Endpoint]:
    """Return at most ``limit`` endpoints of nodes whose lease has run out."""
    return await tx.all(
        Endpoint,
        f"SELECT {columns(Endpoint)} FROM realtime_endpoints WHERE NOT EXISTS ({_LIVE_NODE}) LIMIT :row_limit",
        now=tx.now,
        row_limit=limit,
    )


async def sweep(tx: Tx, listeners: Listeners, found: list[Endpoint]) -> None:
    """Remove stranded endpoints, unless their node is back, or they are, meanwhile."""
    for endpoint in sorted(found, key=lock_key):
        await tx.lock(lock_key(endpoint))
        gone = await tx.run(
            f"DELETE FROM realtime_endpoints WHERE {_ENDPOINT} AND connection_id = :connection_id"
            f" AND NOT EXISTS ({_LIVE_NODE})",
            connection_id=endpoint.connection_id,
            now=tx.now,
            **_named(endpoint),
        )
        listener = listeners.get(endpoint.product)
        if gone and listener is not None:
            await _left(tx, listener, endpoint, closed=False)


async def remove_nodes(tx: Tx) -> None:
    """Remove the nodes whose lease has run out. In a transaction of its own: a node that is back changes its row
    before it locks identities."""
    await tx.run("DELETE FROM realtime_nodes WHERE until <= :now", now=tx.now)


async def expire(tx: Tx, listeners: Listeners, job: AbsenceJob) -> None:
    """End a grace: notify the listener unless the identity came back in it."""
    absence = job.absence
    endpoint = Endpoint(
        absence.product, absence.service_sid, absence.identity, absence.endpoint_id, job.account_sid, "", ""
    )
    await tx.lock(lock_key(endpoint))
    is_due = await tx.run(
        f"DELETE FROM realtime_absences WHERE {_ENDPOINT} AND due = :due", due=absence.due, **_named(endpoint)
    )
    listener = listeners.get(absence.product)
    if is_due and listener is not None:
        await listener.absent(tx, endpoint)


def handler(database: Database, listeners: Listeners) -> Handler:
    """Return the handler of the jobs that wait for the end of a grace."""

    async def run(job: ClaimedJob) -> JobOutcome:
        decoded = msgspec.json.decode(job.payload, type=AbsenceJob)

        async def write(tx: Tx) -> None:
            await job.confirm(tx)
            await expire(tx, listeners, decoded)

        await database.write(write)
        return Success()

    return Handler(run)


def lock_key(endpoint: Endpoint) -> str:
    """Return the name of an identity's lock. Sorted, these come in the order of the webhooks' own locks, which are
    acquired under them."""
    return f"presence {endpoint.account_sid} {endpoint.order}"


# The inside


async def _left(tx: Tx, listener: PresenceListener, endpoint: Endpoint, closed: bool) -> None:
    others = await tx.value(
        f"SELECT count(*) FROM realtime_endpoints WHERE {_IDENTITY}",
        product=endpoint.product,
        service_sid=endpoint.service_sid,
        identity=endpoint.identity,
    )
    grace = await listener.disconnected(tx, endpoint, others=others, closed=closed)
    if grace is None or others:
        return
    absence = Absence(
        endpoint.product, endpoint.service_sid, endpoint.identity, endpoint.endpoint_id, tx.now + grace * 1000
    )
    await tx.insert("realtime_absences", absence)
    payload = msgspec.json.encode(AbsenceJob(endpoint.account_sid, absence)).decode()
    await enqueue(tx, Job(KIND, payload, due=absence.due, account_sid=endpoint.account_sid))


def _named(endpoint: Endpoint) -> dict[str, str]:
    return {
        "product": endpoint.product,
        "service_sid": endpoint.service_sid,
        "identity": endpoint.identity,
        "endpoint_id": endpoint.endpoint_id,
    }
