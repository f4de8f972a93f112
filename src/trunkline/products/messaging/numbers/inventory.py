"""The operator's inventory of numbers, and their assignment to accounts."""

from __future__ import annotations

from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.numbers.number_settings import lock_number
from trunkline.products.messaging.numbers.number_types import NumberType
from trunkline.products.messaging.numbers.owned_numbers import leave_pool
from trunkline.products.messaging.numbers.patterns import whole_number


class Number(Row, frozen=True):
    """A number of the inventory: E.164, a short code, or the address of another channel. ``country`` is an ISO
    code, empty if there is none. ``carrier`` is empty if the routes decide; ``rate`` is in thousandths of a segment
    a second, 0 for the default of its kind. Without an owner, ``account_sid`` and ``sid`` are None;
    ``date_created`` is the time of its addition to the inventory, then that of its purchase."""

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


class NumberUnavailable(Exception):
    """The error for a number that another account has."""


_SELECT = f"SELECT {columns(Number)} FROM owned_and_free_numbers "
_ADD = """
INSERT INTO numbers
    (number, kind, country, sms, mms, voice, locality, region, carrier, rate, date_created, date_updated)
VALUES (:number, :kind, :country, :sms, :mms, :voice, :locality, :region, :carrier, :rate, :now, :now)
ON CONFLICT (number) DO NOTHING
"""


async def add_number(tx: Tx, number: Number) -> bool:
    """Add a number without an owner to the inventory; return false if it is there already."""
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
    """Return the number of the inventory."""
    return await tx.one(Number, f"{_SELECT} WHERE number = :number", number=number)


async def find_whole(tx: Tx, pattern: str, account_sid: str | None) -> str | None:
    """Return the number that a pattern with ``+`` is the whole of, if the account has it, or without one nobody. It is
    the only one of a list then, found by its key: a walk to it may take many pages (inferred)."""
    number = whole_number(pattern)
    found = await find_number(tx, number) if number else None
    return found.number if found is not None and found.account_sid == account_sid else None


_PAGE = f"{_SELECT} WHERE number > :after ORDER BY number LIMIT :limit"
_PAGE_OF_ACCOUNT = (
    f"{_SELECT} WHERE account_sid = :account_sid AND number > :after ORDER BY number LIMIT :limit"
)


async def page_inventory(tx: Tx, account_sid: str | None, after: str, limit: int) -> list[Number]:
    """Return up to ``limit`` numbers behind the number ``after``, by number: of an account, or all that the inventory
    has."""
    if account_sid is None:
        return await tx.all(Number, _PAGE, after=after, limit=limit)
    return await tx.all(Number, _PAGE_OF_ACCOUNT, account_sid=account_sid, after=after, limit=limit)


_ASSIGN = f"""
UPDATE numbers SET account_sid = :account_sid, sid = :sid, friendly_name = :friendly_name,
    date_created = :now, date_updated = :now
WHERE number = :number AND account_sid IS NULL
RETURNING {columns(Number)}
"""


async def assign_number(tx: Tx, number: str, kind: str, account_sid: str) -> Number:
    """Assign a number without an owner to an account, under a new SID. Raise NumberUnavailable if it has one."""
    assigned = await tx.one(
        Number,
        _ASSIGN,
        number=number,
        account_sid=account_sid,
        sid=new_sid(NumberType(kind).prefix),
        friendly_name=national_form(number),
        now=tx.now,
    )
    if assigned is None:
        raise NumberUnavailable(number)
    return assigned


async def release_number(tx: Tx, account_sid: str, sid: str) -> bool:
    """Return a number from its account to the inventory; it leaves its pool."""
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


async def transfer_number(tx: Tx, account_sid: str, sid: str, to: str) -> None:
    """Transfer an account's number to another account: it keeps its SID and its name, leaves its pool, and loses all
    other settings. Webhooks to the previous owner's URLs would be signed by the new one (inferred)."""
    await lock_number(tx, sid)
    await leave_pool(tx, account_sid, sid)
    await tx.run(
        "UPDATE numbers SET account_sid = :to, settings = '{}', sms_application_sid = NULL,"
        " voice_application_sid = NULL, date_updated = :now WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=account_sid,
        sid=sid,
        to=to,
        now=tx.now,
    )


async def remove_number(tx: Tx, number: str) -> bool:
    """Remove a number from the inventory, and from the account that has it."""
    found = await find_number(tx, number)
    if found is None:
        return False
    if found.account_sid is not None and found.sid is not None:
        await release_number(tx, found.account_sid, found.sid)
    return bool(await tx.run("DELETE FROM numbers WHERE number = :number", number=number))


def national_form(number: str) -> str:
    """Return a number in the notation of its country, such as ``(808) 925-5327``; other addresses as they are."""
    if not number.startswith("+"):
        return number
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
