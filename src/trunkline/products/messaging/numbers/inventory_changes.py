"""The operator's changes of the inventory: add a number, assign it to an account, remove it."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.lanes import MILLI
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.localities import locality_of
from trunkline.products.messaging.numbers.number_types import NumberType, capabilities_of, country_of, type_of
from trunkline.products.messaging.numbers.parsing import Recipient, parse_recipient

MAX_RATE = 100_000


class BadNumber(ValueError):
    """The text is not an address, or cannot be a number of the kind."""


class NumberExists(Exception):
    """The number is in the inventory."""


class UnknownNumber(Exception):
    """The number is not in the inventory."""


class NumberOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a new number; None and an empty text stand for what is likely. ``rate`` is in segments a second,
    0 for the default of the kind."""

    kind: NumberType | None = None
    country: str = ""
    sms: bool | None = None
    mms: bool | None = None
    voice: bool | None = None
    carrier: str = ""
    rate: float = 0


def parse_address(text: str) -> str:
    """Return a number in the form in which messages have it. Raise BadNumber if it is not an address."""
    return _parse(text).address


def make_number(text: str, options: NumberOptions) -> Number:
    """Return a number with its options, and with what is likely where they are silent. Raise BadNumber."""
    found = _parse(text)
    likely = type_of(found)
    kind = options.kind or likely
    if kind.prefix != likely.prefix:
        raise BadNumber(f"{found.address} cannot be a {kind.value} number")
    country = options.country or country_of(found)
    able, place = capabilities_of(kind, country), locality_of(found.address)
    return Number(
        found.address,
        kind.value,
        country,
        sms=able.sms if options.sms is None else options.sms,
        mms=able.mms if options.mms is None else options.mms,
        voice=able.voice if options.voice is None else options.voice,
        locality=place.city.title(),
        region=place.state,
        carrier=options.carrier,
        rate=round(options.rate * MILLI),
    )


async def add_number(tx: Tx, number: Number, account_sid: str = "") -> Number:
    """Add a number to the inventory, and assign it to an account if one is named. Raise NumberExists."""
    if not await inventory.add_number(tx, number):
        raise NumberExists(number.number)
    return await _give(tx, number.number, number.kind, account_sid)


async def assign_number(tx: Tx, address: str, account_sid: str) -> Number:
    """Assign a number to an account under a new SID, or to nobody if ``account_sid`` is empty; it leaves the pool that
    it is in. Raise UnknownNumber or NumberUnavailable."""
    found = await inventory.find_number(tx, address)
    if found is None:
        raise UnknownNumber(address)
    if account_sid and found.account_sid == account_sid:
        return found
    if found.account_sid is not None and found.sid is not None:
        await inventory.release_number(tx, found.account_sid, found.sid)
    return await _give(tx, address, found.kind, account_sid)


async def _give(tx: Tx, address: str, kind: str, account_sid: str) -> Number:
    if account_sid:
        return await inventory.assign_number(tx, address, kind, account_sid)
    found = await inventory.find_number(tx, address)
    assert found is not None
    return found


def _parse(text: str) -> Recipient:
    found = parse_recipient(text)
    if found is None:
        raise BadNumber(f"{text} is no number, no short code and no address of another channel")
    return found
