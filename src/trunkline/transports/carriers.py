"""The carriers of a node, made from the tables ``carriers`` and ``carrier_routes`` of the settings."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.core.clock import Clock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.storage.database import Database
from trunkline.transports.base import Carrier
from trunkline.transports.http.carrier import HttpCarrier
from trunkline.transports.options import CarrierOptions, NetworkRoute, SandboxRoute
from trunkline.transports.routing import RouteRule, RoutingTable
from trunkline.transports.sandbox import phones
from trunkline.transports.sandbox.carrier import JOB as SANDBOX_JOB
from trunkline.transports.sandbox.carrier import Sandbox
from trunkline.transports.smpp import segment_store
from trunkline.transports.smpp.carrier import SmppCarrier
from trunkline.transports.smpp.segment_store import DatabaseSegmentStore, SegmentStore
from trunkline.transports.smpp.settings import SmppRoute

MIGRATIONS = (*phones.MIGRATIONS, *segment_store.MIGRATIONS)
HOLDS = (*segment_store.HOLDS, *phones.HOLDS)
REMOVALS = (phones.CLEARING,)
RETENTION = (*phones.RETENTION, *segment_store.RETENTION)


def open_carriers(
    carriers: Sequence[CarrierOptions], routes: Sequence[RouteRule], database: Database, ca_file: str = ""
) -> RoutingTable:
    """Return the carriers, not started; the sandbox if none is configured. ``ca_file`` replaces the certificates that
    requests to gateways trust."""
    opened: list[Carrier] = [
        Sandbox(database)
        if isinstance(route, SandboxRoute)
        else open_carrier(route, database.clock, DatabaseSegmentStore(database), ca_file)
        for route in carriers or (SandboxRoute(),)
    ]
    return RoutingTable(opened, routes)


def open_carrier(
    route: NetworkRoute, clock: Clock, segments: SegmentStore | None = None, ca_file: str = ""
) -> Carrier:
    """Return a carrier to connect to, not started. ``segments`` stores those of inbound messages; without it they are
    kept in memory. ``ca_file`` replaces the certificates that requests to a gateway trust."""
    if isinstance(route, SmppRoute):
        return SmppCarrier(route, segments, clock=clock)
    # The operator named this address: it may be on the operator's own network.
    return HttpCarrier(route, Egress(AddressGuard(allow_private=True), ca_file=ca_file))


def job_handlers(carriers: Sequence[Carrier]) -> dict[str, Handler]:
    """Return the handlers of the carriers' own jobs, by kind."""
    return next(({SANDBOX_JOB: one.handler()} for one in carriers if isinstance(one, Sandbox)), {})
