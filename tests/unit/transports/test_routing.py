"""The carrier that a message leaves by."""

from __future__ import annotations

from typing import cast

import pytest

from trunkline.transports.base import Carrier
from trunkline.transports.routing import RouteRule, RoutingTable


class NamedCarrier:
    """A carrier of which only the name counts; ``codes`` alone carries channels."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.carries_channels = name == "codes"


TABLE = RoutingTable(
    [cast(Carrier, NamedCarrier(name)) for name in ("main", "europe", "codes")],
    [
        RouteRule(carrier="codes", sender="123", prefix="+1"),
        RouteRule(carrier="europe", prefix="+4"),
        RouteRule(carrier="main", prefix="+49"),
    ],
)


@pytest.mark.parametrize(
    ("sender", "recipient", "preferred", "expected"),
    [
        ("+15005550006", "+15005550100", "", "main"),
        ("+15005550006", "+447700900100", "", "europe"),
        ("+15005550006", "+4930123456", "", "europe"),
        ("12345", "+15005550100", "", "codes"),
        ("12345", "+447700900100", "", "europe"),
        ("+15005550006", "+447700900100", "main", "main"),
        ("whatsapp:+15005550006", "whatsapp:+15005550100", "", "codes"),
        ("whatsapp:+15005550006", "whatsapp:+15005550100", "codes", "codes"),
    ],
)
def test_the_number_then_the_first_route_then_the_first_carrier(
    sender: str, recipient: str, preferred: str, expected: str
) -> None:
    found = TABLE.route(sender, recipient, preferred)
    assert found is not None
    assert found.name == expected


def test_a_carrier_that_is_not_there_is_none_rather_than_another() -> None:
    assert TABLE.route("+15005550006", "+15005550100", "gone") is None
    assert TABLE.route("whatsapp:+15005550006", "whatsapp:+15005550100", "main") is None
    assert RoutingTable([]).route("+15005550006", "+15005550100", "") is None
