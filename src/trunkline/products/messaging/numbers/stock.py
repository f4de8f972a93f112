"""The numbers of a server without a carrier: fictional ones, so that there are some to buy and to send from.

They come from the ranges that the countries keep free for films and books, and pass for valid numbers all the same.
+1 … 555 0100 to 0109 are left out: these are phones, for messages to go to.
"""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Database, Row, Tx
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.kinds import Kind


class Range(msgspec.Struct, frozen=True):
    """The numbers that begin with ``start`` and end in the digits from ``first`` to ``last``, which have the same
    length."""

    start: str
    first: int
    last: int
    kind: Kind
    country: str
    place: tuple[str, str] = ("", "")
    sms: bool = True
    mms: bool = False


def _american(area_code: str, country: str, place: tuple[str, str], kind: Kind = Kind.LOCAL) -> Range:
    return Range(f"+1{area_code}5550", 110, 199, kind, country, place, mms=True)


RANGES = (
    _american("212", "US", ("New York", "NY")),
    _american("312", "US", ("Chicago", "IL")),
    _american("415", "US", ("San Francisco", "CA")),
    _american("628", "US", ("San Francisco", "CA")),
    _american("416", "CA", ("Toronto", "ON")),
    _american("604", "CA", ("Vancouver", "BC")),
    _american("800", "US", ("", ""), Kind.TOLL_FREE),
    Range("+442079460", 100, 189, Kind.LOCAL, "GB", ("London", "")),
    Range("+442079460", 900, 909, Kind.LOCAL, "GB", ("London", ""), sms=False),
    Range("+33199000", 100, 149, Kind.LOCAL, "FR"),
    Range("+493023125", 100, 149, Kind.LOCAL, "DE", ("Berlin", "")),
    Range("+46701740", 605, 699, Kind.MOBILE, "SE"),
    Range("+61491570", 156, 159, Kind.MOBILE, "AU", mms=True),
)
"""What can be bought. London's last ten can do calls only."""

OWNED = (
    Number("55501", Kind.SHORT_CODE, "US", sms=True, mms=True, voice=False),
    Number("55502", Kind.SHORT_CODE, "GB", sms=True, mms=False, voice=False),
    Number("whatsapp:+14155550199", Kind.CHANNEL, "US", sms=True, mms=True, voice=False),
    Number("messenger:trunkline", Kind.CHANNEL, "", sms=True, mms=True, voice=False),
    Number("rcs:trunkline", Kind.CHANNEL, "", sms=True, mms=True, voice=False),
)
"""What cannot be bought over the API; the first account gets it."""


class _Sid(Row, frozen=True):
    sid: str


_ANY = "SELECT number FROM numbers LIMIT 1"
_FIRST = """
SELECT sid FROM accounts WHERE sid = owner_account_sid ORDER BY date_created, sid LIMIT 1
"""
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
    """Fill an empty inventory; one that has a number in it stays as it is."""

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
    first = await tx.one(_Sid, _FIRST)
    for number in OWNED:
        await inventory.add(tx, number)
        if first is not None:
            await inventory.assign(tx, number.number, number.kind, first.sid)
