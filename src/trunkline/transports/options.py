"""The options of carriers of every kind, as the settings have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.routing import RouteRule, named_carrier
from trunkline.transports.smpp.settings import SmppRoute


class SandboxRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sandbox of this machine, which has one name and no options."""

    name: Literal["sandbox"] = "sandbox"
    kind: Literal["sandbox"] = "sandbox"
    address: Literal["this machine"] = "this machine"


NetworkRoute = SmppRoute | HttpRoute
"""The options of a carrier that reaches a network."""

CarrierOptions = NetworkRoute | SandboxRoute

KINDS: Mapping[str, type[CarrierOptions]] = {"smpp": SmppRoute, "http": HttpRoute, "sandbox": SandboxRoute}
"""The kinds of carriers by the ``kind`` of their table."""


def lacked_characters(
    carriers: Sequence[CarrierOptions],
    rules: Sequence[RouteRule],
    sender: str,
    recipient: str,
    preferred: str,
) -> frozenset[str]:
    """Return the characters of the GSM alphabet that the carrier of a message lacks; ``preferred`` is the one that its
    number names."""
    name = named_carrier(rules, sender, recipient, preferred)
    carrier = next((one for one in carriers if not name or one.name == name), None)
    return carrier.lacks if isinstance(carrier, SmppRoute) and ":" not in recipient else frozenset()


def host_of(options: CarrierOptions) -> str:
    """Return the host name or URL by which a carrier is reached; an empty text for the sandbox."""
    if isinstance(options, SandboxRoute):
        return ""
    return options.host if isinstance(options, SmppRoute) else options.url
