"""Prices of messages: the operator's table, a price a segment by the recipient's prefix. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trunkline.settings.tables import Price

_PLACES = Decimal("0.00001")


class Prices:
    """The table; without entries nothing has a price."""

    def __init__(self, entries: Sequence[Price] = ()) -> None:
        self._entries = sorted(entries, key=lambda entry: len(entry.prefix), reverse=True)

    def exceed(self, max_price: str, recipient: str, segments: int) -> bool:
        """Return whether a message costs more than ``max_price``, a decimal text in the unit of its price."""
        price = self.of(recipient, segments).get("price")
        return price is not None and -Decimal(price) > Decimal(max_price)

    def of(self, recipient: str, segments: int) -> dict[str, str]:
        """Return ``price`` and ``price_unit`` of a message that was sent, by the longest prefix that matches; empty
        without one. Prices are negative, since they are debited from a balance (doc)."""
        for entry in self._entries:
            if recipient.startswith(entry.prefix):
                amount = (Decimal(entry.price) * segments).quantize(_PLACES)
                return {"price": f"-{amount}", "price_unit": entry.unit}
        return {}
