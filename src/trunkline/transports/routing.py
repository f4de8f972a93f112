"""Which carrier a message leaves by. Pure.

A number's own carrier counts first; then the first route that fits, in the operator's order; then the default, which
is the first carrier of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from trunkline.transports.base import Carrier


class RouteRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A route: messages to recipients that begin with ``prefix`` and from senders that begin with ``sender`` leave by
    ``carrier``. An empty text fits all."""

    carrier: str
    prefix: str = ""
    sender: str = ""


class RoutingTable:
    """Implements ``Carriers``."""

    def __init__(self, carriers: Sequence[Carrier], rules: Sequence[RouteRule] = ()) -> None:
        self._carriers: Mapping[str, Carrier] = {carrier.name: carrier for carrier in carriers}
        self._rules = tuple(rules)
        self._default = carriers[0] if carriers else None

    @property
    def all(self) -> list[Carrier]:
        """Every carrier, in the configuration's order."""
        return list(self._carriers.values())

    def route(self, sender: str, recipient: str, preferred: str) -> Carrier | None:
        """The carrier for a message; None when the one that a number or a route names is not configured."""
        if preferred:
            return self._carriers.get(preferred)
        for rule in self._rules:
            if recipient.startswith(rule.prefix) and sender.startswith(rule.sender):
                return self._carriers.get(rule.carrier)
        return self._default
