"""From the ``carriers`` and ``carrier_routes`` of the settings to the carriers of a node."""

from __future__ import annotations

import msgspec

from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.storage.database import Database
from trunkline.settings import Settings
from trunkline.settings.values import BadSetting
from trunkline.transports.base import Carrier
from trunkline.transports.http.carrier import HttpCarrier
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.routing import RouteRule, RoutingTable
from trunkline.transports.sandbox.carrier import NAME as SANDBOX
from trunkline.transports.sandbox.carrier import Sandbox
from trunkline.transports.smpp.carrier import SmppCarrier
from trunkline.transports.smpp.parts import PartStore
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.stored_parts import StoredParts

Route = SmppRoute | HttpRoute


def configured(settings: Settings) -> list[Route | None]:
    """The configured carriers' options; None stands for the sandbox. Raises BadSetting."""
    found = [_route(table) for table in settings.messaging.carriers]
    names = [route.name if route else SANDBOX for route in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadSetting(f"carriers: more than one is called {', '.join(twice)}")
    return found


def rules(settings: Settings) -> list[RouteRule]:
    """The configured routes. Raises BadSetting."""
    names = {route.name if route else SANDBOX for route in configured(settings)} or {SANDBOX}
    found = []
    for table in settings.messaging.carrier_routes:
        try:
            rule = msgspec.convert(table, RouteRule)
        except msgspec.ValidationError as error:
            raise BadSetting(f"carrier_routes: {error}") from None
        if rule.carrier not in names:
            raise BadSetting(f"carrier_routes: no carrier is called {rule.carrier}")
        found.append(rule)
    return found


def open_carriers(settings: Settings, database: Database) -> RoutingTable:
    """The carriers, not started; the sandbox when none is configured. Raises BadSetting."""
    carriers: list[Carrier] = [
        Sandbox(database) if route is None else open_carrier(route, StoredParts(database))
        for route in configured(settings) or [None]
    ]
    return RoutingTable(carriers, rules(settings))


def open_carrier(route: Route, parts: PartStore | None = None) -> Carrier:
    """A carrier to connect to, not started; ``parts`` keeps what comes in pieces, in memory without it."""
    if isinstance(route, SmppRoute):
        return SmppCarrier(route, parts)
    # The operator named this address: it may be on the operator's own network.
    return HttpCarrier(route, Egress(AddressGuard(allow_private=True)))


def described(route: Route | None) -> tuple[str, str, str]:
    """A carrier's name, kind and address."""
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
