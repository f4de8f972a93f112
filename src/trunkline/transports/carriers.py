"""The carriers of a node, made from the tables ``carriers`` and ``carrier_routes`` of the settings."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.jobs.outcome import Handler
from trunkline.core.storage.database import Database
from trunkline.settings.values import BadSetting, Tables
from trunkline.transports.base import Carrier
from trunkline.transports.http.carrier import HttpCarrier
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.routing import RouteRule, RoutingTable
from trunkline.transports.sandbox import phones
from trunkline.transports.sandbox.carrier import JOB as SANDBOX_JOB
from trunkline.transports.sandbox.carrier import NAME as SANDBOX
from trunkline.transports.sandbox.carrier import Sandbox
from trunkline.transports.smpp import stored_parts
from trunkline.transports.smpp.carrier import SmppCarrier
from trunkline.transports.smpp.parts import PartStore
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.stored_parts import StoredParts

Route = SmppRoute | HttpRoute

MIGRATIONS = (*phones.MIGRATIONS, *stored_parts.MIGRATIONS)


def configured(carriers: Tables) -> list[Route | None]:
    """Return the configured carriers' options; None stands for the sandbox. Raise BadSetting for bad ones."""
    found = [_route(table) for table in carriers]
    names = [route.name if route else SANDBOX for route in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadSetting(f"carriers: more than one is called {', '.join(twice)}")
    return found


def rules(carriers: Tables, routes: Tables) -> list[RouteRule]:
    """Return the configured routes. Raise BadSetting for bad ones."""
    names = {route.name if route else SANDBOX for route in configured(carriers)} or {SANDBOX}
    found = []
    for table in routes:
        try:
            rule = msgspec.convert(table, RouteRule)
        except msgspec.ValidationError as error:
            raise BadSetting(f"carrier_routes: {error}") from None
        if rule.carrier not in names:
            raise BadSetting(f"carrier_routes: no carrier is called {rule.carrier}")
        found.append(rule)
    return found


def open_carriers(carriers: Tables, routes: Tables, database: Database) -> RoutingTable:
    """Return the carriers, not started; the sandbox when none is configured. Raise BadSetting for bad options."""
    made: list[Carrier] = [
        Sandbox(database) if route is None else open_carrier(route, StoredParts(database))
        for route in configured(carriers) or [None]
    ]
    return RoutingTable(made, rules(carriers, routes))


def open_carrier(route: Route, parts: PartStore | None = None) -> Carrier:
    """Return a carrier to connect to, not started. ``parts`` stores the segments of long messages; without it they are
    kept in memory."""
    if isinstance(route, SmppRoute):
        return SmppCarrier(route, parts)
    # The operator named this address: it may be on the operator's own network.
    return HttpCarrier(route, Egress(AddressGuard(allow_private=True)))


def job_handlers(carriers: Sequence[Carrier]) -> dict[str, Handler]:
    """Return the handlers of the carriers' own jobs, by kind."""
    return next(({SANDBOX_JOB: one.handler()} for one in carriers if isinstance(one, Sandbox)), {})


def described(route: Route | None) -> tuple[str, str, str]:
    """Return a carrier's name, kind and address."""
    if route is None:
        return SANDBOX, SANDBOX, "this machine"
    address = f"{route.host}:{route.port}" if isinstance(route, SmppRoute) else route.address
    return route.name, route.kind, address


def _route(table: dict[str, object]) -> Route | None:
    kind = table.get("kind", "smpp")
    name = table.get("name")
    if kind == "sandbox":
        if name not in (None, SANDBOX) or set(table) - {"kind", "name"}:
            raise BadSetting(f"carriers: the sandbox is called {SANDBOX} and has no options")
        return None
    if kind not in ("smpp", "http"):
        raise BadSetting("carriers: kind must be smpp, http or sandbox")
    try:
        return msgspec.convert(table, SmppRoute) if kind == "smpp" else msgspec.convert(table, HttpRoute)
    except msgspec.ValidationError as error:
        raise BadSetting(f"carriers: {name or 'a carrier without a name'}: {error}") from None
