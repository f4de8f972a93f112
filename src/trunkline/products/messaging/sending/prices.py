"""What a message costs: the operator's table, a price a segment by the recipient's prefix. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import msgspec

_PLACES = Decimal("0.00001")


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price a segment, as a decimal text such as ``0.0075``, in ``unit``, an ISO currency code, for recipients that
    begin with ``prefix``; an empty one fits all. Raises ValueError for what is no price."""

    price: str
    prefix: str = ""
    unit: str = "USD"

    def __post_init__(self) -> None:
        """Check what no type says."""
        try:
            amount = Decimal(self.price)
        except InvalidOperation:
            raise ValueError("price must be a decimal number in quotes") from None
        if not amount.is_finite() or not 0 <= amount < 1_000_000:
            raise ValueError("price must be from 0 to 1,000,000")
        if not (len(self.unit) == 3 and self.unit.isascii() and self.unit.isupper()):
            raise ValueError("unit must be three capital letters")


class Prices:
    """The table; without entries nothing has a price."""

    def __init__(self, entries: Sequence[Price] = ()) -> None:
        self._entries = sorted(entries, key=lambda entry: len(entry.prefix), reverse=True)

    def exceed(self, most: str, recipient: str, segments: int) -> bool:
        """Whether a message costs more than ``most``, a decimal text in the unit of its price."""
        price = self.of(recipient, segments).get("price")
        return price is not None and -Decimal(price) > Decimal(most)

    def of(self, recipient: str, segments: int) -> dict[str, str]:
        """``price`` and ``price_unit`` of a message that was sent, by the longest prefix that fits; prices are
        negative, since they are taken from a balance (doc). Empty without one."""
        for entry in self._entries:
            if recipient.startswith(entry.prefix):
                amount = (Decimal(entry.price) * segments).quantize(_PLACES)
                return {"price": f"-{amount}", "price_unit": entry.unit}
        return {}
