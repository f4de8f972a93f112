"""The parsers of tables: carriers, routes to them, prices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from trunkline.settings.values import nearest
from trunkline.transports.options import KINDS, CarrierOptions
from trunkline.transports.routing import RouteRule

T = TypeVar("T", bound=msgspec.Struct)

_MISSING = re.compile(r"Object missing required field `(\w+)`")
_MISTYPED = re.compile(r"Expected (`.+`), got `.+` - at `\$\.(\w+)`")
_PREFIX = re.compile(r"([a-z]+:)?(\+[0-9]{0,15})?", re.ASCII)
"""The begin of a recipient: E.164, or that on another channel."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price a segment, as a decimal text such as ``0.0075``, in ``unit``, an ISO currency code, for recipients that
    begin with ``prefix``; an empty one matches all. Bad values raise ValueError."""

    price: str
    prefix: str = ""
    unit: str = "USD"

    def __post_init__(self) -> None:
        """Check the values. Raise ValueError if one is bad."""
        try:
            amount = Decimal(self.price)
        except InvalidOperation:
            raise ValueError("price must be a decimal number in quotes") from None
        if not amount.is_finite() or not 0 <= amount < 1_000_000:
            raise ValueError("price must be from 0 to 1,000,000")
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("prefix must be empty, or + and the first digits of recipients")
        if not (len(self.unit) == 3 and self.unit.isascii() and self.unit.isupper()):
            raise ValueError("unit must be three capital letters")


def parse_carriers(tables: Sequence[Mapping[str, Any]]) -> tuple[CarrierOptions, ...]:
    """Return the options of carriers. Raise ValueError if a table is bad or two carriers have one name."""
    carriers = tuple(_parse_carrier(table) for table in tables)
    names = [carrier.name for carrier in carriers]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"more than one is called {', '.join(duplicates)}")
    return carriers


def parse_routes(tables: Sequence[Mapping[str, Any]]) -> tuple[RouteRule, ...]:
    """Return the routes to carriers. Raise ValueError if a table is bad, or can never match."""
    routes = tuple(_parse_table(table, RouteRule) for table in tables)
    for number, route in enumerate(routes):
        if not _PREFIX.fullmatch(route.prefix):
            raise ValueError(
                f"{route.carrier}: prefix must be empty, or + and the first digits of recipients; {route.prefix!r} "
                "matches none"
            )
        for before in routes[:number]:
            if route.prefix.startswith(before.prefix) and route.sender.startswith(before.sender):
                raise ValueError(
                    f"{route.carrier}: a route before it matches all that it matches, that to {before.carrier}"
                )
    return routes


def parse_prices(tables: Sequence[Mapping[str, Any]]) -> tuple[Price, ...]:
    """Return the prices. Raise ValueError if a table is bad or two have one prefix."""
    prices = tuple(_parse_table(table, Price) for table in tables)
    prefixes = [price.prefix for price in prices]
    if duplicates := sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1}):
        raise ValueError(f"more than one is for the prefix {duplicates[0] or '(all)'}")
    return prices


def _parse_carrier(table: Mapping[str, Any]) -> CarrierOptions:
    kind, name = table.get("kind", "smpp"), table.get("name")
    options = KINDS.get(kind) if isinstance(kind, str) else None
    if options is None:
        *others, last = KINDS
        raise ValueError(f"kind must be {', '.join(others)} or {last}")
    if kind == "sandbox" and (name not in (None, "sandbox") or set(table) - {"kind", "name"}):
        raise ValueError("the sandbox is called sandbox and has no options")
    if name == "sandbox" and kind != "sandbox":
        raise ValueError("only the sandbox is called sandbox")
    try:
        return _parse_table(table, options)
    except ValueError as error:
        raise ValueError(f"{name or 'a carrier without a name'}: {error}") from None


def _parse_table(table: Mapping[str, Any], kind: type[T]) -> T:
    allowed = kind.__struct_fields__
    for name in table:
        if name not in allowed:
            found = nearest([name], allowed)
            raise ValueError(f"unknown option {name}" + (f"; did you mean {found[0]}?" if found else ""))
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_in_plain_words(str(error))) from None


def _in_plain_words(error: str) -> str:
    if missing := _MISSING.fullmatch(error):
        return f"{missing[1]} is missing"
    if mistyped := _MISTYPED.fullmatch(error):
        return f"{mistyped[2]} must be {mistyped[1].replace('`', '')}"
    return error.replace("`", "")
