"""The routing of messages to carriers. Pure.

A number's own carrier comes first; then the first route that matches, in the operator's order; then the default, which
is the first carrier of the configuration. A recipient on another channel than SMS, such as ``whatsapp:+15005550100``,
is reached by the carriers alone that carry channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from trunkline.transports.base import Carrier


class RouteRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A route: messages to recipients that begin with ``prefix`` and from senders that begin with ``sender`` go to
    ``carrier``. An empty text matches all."""

    carrier: str
    prefix: str = ""
    sender: str = ""


def named_carrier(rules: Iterable[RouteRule], sender: str, recipient: str, preferred: str) -> str:
    """Return the name of the carrier that a number or a route names for a message; empty for the default."""
    return preferred or next(
        (
            rule.carrier
            for rule in rules
            if recipient.startswith(rule.prefix) and sender.startswith(rule.sender)
        ),
        "",
    )


class RoutingTable:
    """The table of a node's carriers and routes."""

    def __init__(self, carriers: Sequence[Carrier], rules: Sequence[RouteRule] = ()) -> None:
        self._carriers: Mapping[str, Carrier] = {carrier.name: carrier for carrier in carriers}
        self._rules = tuple(rules)

    @property
    def all(self) -> list[Carrier]:
        """The carriers, in the configuration's order."""
        return list(self._carriers.values())

    def route(self, sender: str, recipient: str, preferred: str) -> Carrier | None:
        """Return the carrier for a message; None if the one that a number or a route names is not configured, or none
        carries the recipient's channel."""
        if ":" in recipient:
            return next(
                (one for one in self._candidates(sender, recipient, preferred) if one.carries_channels), None
            )
        return next(self._candidates(sender, recipient, preferred), None)

    def _candidates(self, sender: str, recipient: str, preferred: str) -> Iterator[Carrier]:
        """Yield the carrier that is named for the message, or else all of them in their order."""
        if named := named_carrier(self._rules, sender, recipient, preferred):
            yield from (self._carriers[name] for name in (named,) if name in self._carriers)
        else:
            yield from self._carriers.values()
