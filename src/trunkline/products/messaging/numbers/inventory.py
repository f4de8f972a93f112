"""The operator's inventory of numbers, and how they come to accounts and go from them."""

from __future__ import annotations

from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.numbers.kinds import Kind
from trunkline.products.messaging.numbers.owned import leave_pool
from trunkline.products.messaging.numbers.settings import lock_number


class Number(Row, frozen=True):
    """A number of the inventory: E.164, a short code, or the address of another channel. ``country`` is an ISO code,
    empty where there is none. ``carrier`` is empty when the routes decide; ``rate`` is in thousandths of a segment a
    second, 0 for the default of its kind. While nobody has it, ``account_sid`` and ``sid`` are None; ``date_created``
    is when it was put into the inventory, then when it was bought."""

    number: str
    kind: str
    country: str
    sms: bool
    mms: bool
    voice: bool
    locality: str = ""
    region: str = ""
    carrier: str = ""
    rate: int = 0
    account_sid: str | None = None
    sid: str | None = None
    date_created: int = 0
    date_updated: int = 0
    friendly_name: str = ""
    sms_application_sid: str | None = None
    voice_application_sid: str | None = None
    settings: str = "{}"


class Taken(Exception):
    """Another one has the number."""


_SELECT = f"SELECT {columns(Number)} FROM numbers "
_ADD = """
INSERT INTO numbers
    (number, kind, country, sms, mms, voice, locality, region, carrier, rate, date_created, date_updated)
VALUES (:number, :kind, :country, :sms, :mms, :voice, :locality, :region, :carrier, :rate, :now, :now)
ON CONFLICT (number) DO NOTHING
"""


async def add(tx: Tx, number: Number) -> bool:
    """Put a number that nobody has into the inventory; false when it is in it already."""
    return bool(
        await tx.run(
            _ADD,
            number=number.number,
            kind=number.kind,
            country=number.country,
            sms=number.sms,
            mms=number.mms,
            voice=number.voice,
            locality=number.locality,
            region=number.region,
            carrier=number.carrier,
            rate=number.rate,
            now=tx.now,
        )
    )


async def find_number(tx: Tx, number: str) -> Number | None:
    """The number of the inventory."""
    return await tx.one(Number, f"{_SELECT} WHERE number = :number", number=number)


async def all_numbers(tx: Tx, account_sid: str = "") -> list[Number]:
    """The whole inventory, or what an account has, by number."""
    return await tx.all(
        Number,
        f"{_SELECT} WHERE (account_sid = :account_sid OR :everybody) ORDER BY number",
        account_sid=account_sid,
        everybody=not account_sid,
    )


_ASSIGN = f"""
UPDATE numbers SET account_sid = :account_sid, sid = :sid, friendly_name = :friendly_name,
    date_created = :now, date_updated = :now
WHERE number = :number AND account_sid IS NULL
RETURNING {columns(Number)}
"""


async def assign(tx: Tx, number: str, kind: str, account_sid: str) -> Number:
    """Give a number that nobody has to an account, under a new SID. Raises Taken."""
    assigned = await tx.one(
        Number,
        _ASSIGN,
        number=number,
        account_sid=account_sid,
        sid=new_sid(Kind(kind).prefix),
        friendly_name=national_form(number),
        now=tx.now,
    )
    if assigned is None:
        raise Taken(number)
    return assigned


async def release(tx: Tx, account_sid: str, sid: str) -> bool:
    """Take a number from its account, back into the inventory; it leaves the pool that it is in."""
    await lock_number(tx, sid)
    await leave_pool(tx, account_sid, sid)
    return bool(
        await tx.run(
            "UPDATE numbers SET account_sid = NULL, sid = NULL, friendly_name = '', settings = '{}',"
            " sms_application_sid = NULL, voice_application_sid = NULL, date_updated = :now"
            " WHERE account_sid = :account_sid AND sid = :sid",
            account_sid=account_sid,
            sid=sid,
            now=tx.now,
        )
    )


async def move(tx: Tx, account_sid: str, sid: str, to: str) -> None:
    """Give an account's number to another account; it keeps its SID and URLs, and leaves its pool and the applications
    of the account that had it (inferred)."""
    await lock_number(tx, sid)
    await leave_pool(tx, account_sid, sid)
    await tx.run(
        "UPDATE numbers SET account_sid = :to, sms_application_sid = NULL, voice_application_sid = NULL,"
        " date_updated = :now WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=account_sid,
        sid=sid,
        to=to,
        now=tx.now,
    )


async def remove(tx: Tx, number: str) -> bool:
    """Take a number out of the inventory, and from the account that has it."""
    found = await find_number(tx, number)
    if found is None:
        return False
    if found.account_sid is not None and found.sid is not None:
        await release(tx, found.account_sid, found.sid)
    return bool(await tx.run("DELETE FROM numbers WHERE number = :number", number=number))


def national_form(number: str) -> str:
    """A number as people of its country write it, such as ``(808) 925-5327``; other addresses as they are."""
    if not number.startswith("+"):
        return number
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
