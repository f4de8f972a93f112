"""Which carrier a message leaves by. Pure.

A number's own carrier counts first; then the first route that fits, in the operator's order; then the default, which
is the first carrier of the configuration. A recipient on another channel than SMS, such as ``whatsapp:+15005550100``,
is reached by the carriers alone that carry channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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

    @property
    def all(self) -> list[Carrier]:
        """Every carrier, in the configuration's order."""
        return list(self._carriers.values())

    def route(self, sender: str, recipient: str, preferred: str) -> Carrier | None:
        """The carrier for a message; None when the one that a number or a route names is not configured, or none
        carries the recipient's channel."""
        if ":" in recipient:
            return next(
                (one for one in self._wished(sender, recipient, preferred) if one.carries_channels), None
            )
        return next(self._wished(sender, recipient, preferred), None)

    def _wished(self, sender: str, recipient: str, preferred: str) -> Iterator[Carrier]:
        """The carrier that was named for the message, or else all of them in their order."""
        named = preferred or next(
            (
                rule.carrier
                for rule in self._rules
                if recipient.startswith(rule.prefix) and sender.startswith(rule.sender)
            ),
            "",
        )
        if named:
            yield from (self._carriers[name] for name in (named,) if name in self._carriers)
        else:
            yield from self._carriers.values()
