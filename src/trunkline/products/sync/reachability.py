"""Reachability: when ``endpoint_connected`` and ``endpoint_disconnected`` are sent.

An endpoint is one client program that is connected with an identity; the rules (seed; the last three inferred):

- Every connection is told at once. Without debouncing so is every disconnection.
- With debouncing, losing one endpoint while the identity has another is not told; when the last one goes, its loss is
  told after the window, unless the identity is back by then, with any endpoint.
- A connection that replaces one of the same endpoint ends that one.
- An identity's events are sent one after the other, in their order; a client without an identity has none.
- The endpoints of a node that was killed are gone when its lease has run out.

Nothing here is kept in memory: every change is one of the tables, under the identity's lock.
"""

from __future__ import annotations

import enum
from functools import partial

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Success
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.sync import services
from trunkline.products.sync.services import Service

KIND = "sync_departure"
"""The kind of the job that tells of an identity's departure when its window is over."""
LEASE = 20 * SECOND
"""How long a node that is not heard of is taken for alive (inferred)."""

_LIVE_NODE = "SELECT 1 FROM sync_nodes WHERE sync_nodes.node = sync_endpoints.node AND until > :now"
_IDENTITY = "service_sid = :service_sid AND identity = :identity"
_ENDPOINT = f"{_IDENTITY} AND endpoint_id = :endpoint_id"


class Happening(enum.Enum):
    """The vendor's names of the two events (client)."""

    CONNECTED = "endpoint_connected"
    DISCONNECTED = "endpoint_disconnected"


class Endpoint(Row, frozen=True):
    """A row of ``sync_endpoints``: a client and its present connection."""

    service_sid: str
    identity: str
    endpoint_id: str
    account_sid: str
    connection_id: str
    node: str

    @property
    def order(self) -> str:
        """Names the identity: what happens to it happens in order."""
        return f"{self.service_sid} {self.identity}"


class Departure(Row, frozen=True):
    """A row of ``sync_departures``: ``endpoint_id`` was the last to leave; ``due`` is in microseconds."""

    service_sid: str
    identity: str
    endpoint_id: str
    due: int


class Waiting(msgspec.Struct, frozen=True):
    """The payload of the job that waits for a window's end."""

    account_sid: str
    departure: Departure


# The rule


def on_arrival(replaces: bool, window: int | None) -> tuple[Happening, ...]:
    """What is told when an endpoint connects, which may replace its older connection; ``window`` is None without
    debouncing."""
    if replaces and window is None:
        return (Happening.DISCONNECTED, Happening.CONNECTED)
    return (Happening.CONNECTED,)


def on_departure(others: int, window: int | None) -> int | None:
    """After how many milliseconds the loss of an endpoint is told, ``others`` of its identity being connected still;
    None for never."""
    if window is None:
        return 0
    return None if others else window


def window_of(service: Service) -> int | None:
    """The debouncing window in milliseconds; None when there is none."""
    return service.reachability_debouncing_window if service.reachability_debouncing_enabled else None


def is_wanted(service: Service | None) -> bool:
    """Whether the Service wants to hear of connections at all."""
    return service is not None and service.webhook_url is not None and service.reachability_webhooks_enabled


# What happens


async def arrive(tx: Tx, endpoint: Endpoint, *, silent: bool = False) -> None:
    """An endpoint has connected; one that is known to be is left alone. ``silent`` when that is not news: the Service
    began to want to hear of endpoints after it."""
    await tx.lock(_lock(endpoint))
    service = await services.by_sid(tx, endpoint.service_sid)
    if service is None or not is_wanted(service):
        return
    known = await tx.value(f"SELECT connection_id FROM sync_endpoints WHERE {_ENDPOINT}", **_named(endpoint))
    if known == endpoint.connection_id:
        return
    await tx.run(f"DELETE FROM sync_endpoints WHERE {_ENDPOINT}", **_named(endpoint))
    await tx.insert("sync_endpoints", endpoint)
    await tx.run(
        f"DELETE FROM sync_departures WHERE {_IDENTITY}",
        service_sid=endpoint.service_sid,
        identity=endpoint.identity,
    )
    if not silent:
        for happening in on_arrival(known is not None, window_of(service)):
            await _tell(tx, service, happening, endpoint)


async def leave(tx: Tx, endpoint: Endpoint) -> None:
    """A connection is gone; one that was replaced meanwhile, or is not known, is nothing to tell of."""
    await tx.lock(_lock(endpoint))
    gone = await tx.run(
        f"DELETE FROM sync_endpoints WHERE {_ENDPOINT} AND connection_id = :connection_id",
        connection_id=endpoint.connection_id,
        **_named(endpoint),
    )
    if gone:
        await _depart(tx, endpoint)


async def keep_lease(tx: Tx, node: str) -> bool:
    """Have the node's endpoints count as connected for another lease. False when its lease had run out, so that
    other nodes may have taken its endpoints for gone."""
    kept = await tx.run(
        "UPDATE sync_nodes SET until = :until WHERE node = :node AND until > :now",
        until=tx.now + LEASE,
        node=node,
        now=tx.now,
    )
    if not kept:
        await tx.run(
            "INSERT INTO sync_nodes (node, until) VALUES (:node, :until)"
            " ON CONFLICT (node) DO UPDATE SET until = excluded.until",
            node=node,
            until=tx.now + LEASE,
        )
    return bool(kept)


async def end_lease(tx: Tx, node: str) -> None:
    """The node has no endpoints any more."""
    await tx.run("DELETE FROM sync_nodes WHERE node = :node", node=node)


async def stranded(tx: Tx, limit: int) -> list[Endpoint]:
    """At most ``limit`` endpoints of nodes whose lease has run out."""
    return await tx.all(
        Endpoint,
        f"SELECT {columns(Endpoint)} FROM sync_endpoints WHERE NOT EXISTS ({_LIVE_NODE}) LIMIT :row_limit",
        now=tx.now,
        row_limit=limit,
    )


async def sweep(tx: Tx, found: list[Endpoint]) -> None:
    """Take stranded endpoints for gone, unless their node is back, or they are, meanwhile."""
    for endpoint in sorted(found, key=lambda endpoint: _lock(endpoint)):
        await tx.lock(_lock(endpoint))
        gone = await tx.run(
            f"DELETE FROM sync_endpoints WHERE {_ENDPOINT} AND connection_id = :connection_id"
            f" AND NOT EXISTS ({_LIVE_NODE})",
            connection_id=endpoint.connection_id,
            now=tx.now,
            **_named(endpoint),
        )
        if gone:
            await _depart(tx, endpoint)


async def forget_nodes(tx: Tx) -> None:
    """Forget the nodes whose lease has run out. In a transaction of its own: a node that is back changes its row
    before it takes identities' locks."""
    await tx.run("DELETE FROM sync_nodes WHERE until <= :now", now=tx.now)


async def expire(tx: Tx, waiting: Waiting) -> None:
    """A window is over: the departure is told, unless the identity came back in it."""
    departure = waiting.departure
    endpoint = Endpoint(
        departure.service_sid, departure.identity, departure.endpoint_id, waiting.account_sid, "", ""
    )
    await tx.lock(_lock(endpoint))
    is_due = await tx.run(
        f"DELETE FROM sync_departures WHERE {_ENDPOINT} AND due = :due", due=departure.due, **_named(endpoint)
    )
    service = await services.by_sid(tx, departure.service_sid)
    if is_due and service is not None:
        await _tell(tx, service, Happening.DISCONNECTED, endpoint)


def handler(database: Database) -> Handler:
    """Runs the jobs that wait for the end of a window; they outlive a restart."""

    async def run(job: ClaimedJob) -> JobOutcome:
        waiting = msgspec.json.decode(job.payload, type=Waiting)
        await database.write(partial(expire, waiting=waiting))
        return Success()

    return Handler(run)


# The inside


async def _depart(tx: Tx, endpoint: Endpoint) -> None:
    service = await services.by_sid(tx, endpoint.service_sid)
    if service is None or not is_wanted(service):
        return
    others = await tx.value(
        f"SELECT count(*) FROM sync_endpoints WHERE {_IDENTITY}",
        service_sid=endpoint.service_sid,
        identity=endpoint.identity,
    )
    pause = on_departure(others, window_of(service))
    if pause == 0:
        await _tell(tx, service, Happening.DISCONNECTED, endpoint)
    elif pause is not None:
        due = tx.now + pause * 1000
        departure = Departure(endpoint.service_sid, endpoint.identity, endpoint.endpoint_id, due)
        await tx.insert("sync_departures", departure)
        payload = msgspec.json.encode(Waiting(endpoint.account_sid, departure)).decode()
        await enqueue(tx, Job(KIND, payload, due=due))


async def _tell(tx: Tx, service: Service, happening: Happening, endpoint: Endpoint) -> None:
    if service.webhook_url is None or not is_wanted(service):
        return
    parameters = (
        ("AccountSid", endpoint.account_sid),
        ("ServiceSid", endpoint.service_sid),
        ("EventType", happening.value),
        ("Identity", endpoint.identity),
        ("EndpointId", endpoint.endpoint_id),
    )
    webhook = Webhook(
        account_sid=endpoint.account_sid,
        url=service.webhook_url,
        parameters=parameters,
        service_sid=endpoint.service_sid,
        event=happening.value,
    )
    await enqueue_webhook(tx, webhook, endpoint.order)


def _lock(endpoint: Endpoint) -> str:
    """Sorted, these come in the order of the webhooks' own locks, which are taken under them."""
    return f"sync identity {endpoint.account_sid} {endpoint.order}"


def _named(endpoint: Endpoint) -> dict[str, str]:
    return {
        "service_sid": endpoint.service_sid,
        "identity": endpoint.identity,
        "endpoint_id": endpoint.endpoint_id,
    }
