"""The numbers of a server without a carrier: fictional ones, to buy and to send from.

They are of the ranges that the countries reserve for films and books, and are valid numbers nevertheless. +1 … 555
0100 to 0109 are excluded: these are phones, which receive messages.
"""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.number_types import NumberType


class Range(msgspec.Struct, frozen=True):
    """The numbers that begin with ``start`` and end in the digits from ``first`` to ``last``, which have the same
    length."""

    start: str
    first: int
    last: int
    kind: NumberType
    country: str
    place: tuple[str, str] = ("", "")
    sms: bool = True
    mms: bool = False


def _american(
    area_code: str, country: str, place: tuple[str, str], kind: NumberType = NumberType.LOCAL
) -> Range:
    return Range(f"+1{area_code}5550", 110, 199, kind, country, place, mms=True)


RANGES = (
    _american("212", "US", ("New York", "NY")),
    _american("312", "US", ("Chicago", "IL")),
    _american("415", "US", ("San Francisco", "CA")),
    _american("628", "US", ("San Francisco", "CA")),
    _american("416", "CA", ("Toronto", "ON")),
    _american("604", "CA", ("Vancouver", "BC")),
    _american("800", "US", ("", ""), NumberType.TOLL_FREE),
    Range("+442079460", 100, 189, NumberType.LOCAL, "GB", ("London", "")),
    Range("+442079460", 900, 909, NumberType.LOCAL, "GB", ("London", ""), sms=False),
    Range("+33199000", 100, 149, NumberType.LOCAL, "FR"),
    Range("+493023125", 100, 149, NumberType.LOCAL, "DE", ("Berlin", "")),
    Range("+46701740", 605, 699, NumberType.MOBILE, "SE"),
    Range("+61491570", 156, 159, NumberType.MOBILE, "AU", mms=True),
)
"""The numbers that can be bought. London's last ten can do calls only."""

OWNED = (
    Number("55501", NumberType.SHORT_CODE, "US", sms=True, mms=True, voice=False),
    Number("55502", NumberType.SHORT_CODE, "GB", sms=True, mms=False, voice=False),
    Number("whatsapp:+14155550199", NumberType.CHANNEL, "US", sms=True, mms=True, voice=False),
    Number("messenger:trunkline", NumberType.CHANNEL, "", sms=True, mms=True, voice=False),
    Number("rcs:trunkline", NumberType.CHANNEL, "", sms=True, mms=True, voice=False),
)
"""The numbers that cannot be bought over the API; the first account gets them, if it is active."""


_ANY = "SELECT number FROM numbers LIMIT 1"
_STOCK = """
INSERT INTO numbers
    (number, kind, country, locality, region, sms, mms, voice, carrier, rate, date_created, date_updated)
WITH RECURSIVE ending (digits) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT digits + 1 FROM ending WHERE digits < :last
)
SELECT CAST(:start AS TEXT) || CAST(digits AS TEXT), CAST(:kind AS TEXT), CAST(:country AS TEXT),
    CAST(:locality AS TEXT), CAST(:region AS TEXT), CAST(:sms AS BOOLEAN), CAST(:mms AS BOOLEAN), TRUE, '', 0,
    CAST(:now AS BIGINT), CAST(:now AS BIGINT)
FROM ending
"""


async def stock_sandbox(database: Database) -> None:
    """Fill an empty inventory; one with a number stays as it is."""

    async def stock(tx: Tx) -> None:
        await tx.lock("stock of numbers")
        if await _is_empty(tx):
            for one in RANGES:
                await _stock(tx, one)
            await _give(tx)

    if await database.read(_is_empty):
        await database.write(stock)


async def _is_empty(tx: Tx) -> bool:
    return await tx.value(_ANY) is None


async def _stock(tx: Tx, numbers: Range) -> None:
    locality, region = numbers.place
    await tx.run(
        _STOCK,
        start=numbers.start,
        first=numbers.first,
        last=numbers.last,
        kind=numbers.kind.value,
        country=numbers.country,
        locality=locality,
        region=region,
        sms=numbers.sms,
        mms=numbers.mms,
        now=tx.now,
    )


async def _give(tx: Tx) -> None:
    first = await accounts.oldest_account(tx)
    if first is not None and not await accounts.is_active(tx, first):
        first = None
    for number in OWNED:
        await inventory.add_number(tx, number)
        if first is not None:
            await inventory.assign_number(tx, number.number, number.kind, first)
