"""Which number of the inventory a purchase takes."""

from __future__ import annotations

import re

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number, Taken
from trunkline.products.messaging.numbers.kinds import Kind
from trunkline.products.messaging.numbers.parsing import Channel, NumberKind, parse_recipient
from trunkline.products.messaging.numbers.settings import NumberSettings

_AREA_CODE = re.compile(r"[2-9][0-9]{2}")

_IN_AREA = """
SELECT number FROM numbers
WHERE account_sid IS NULL AND (country = 'US' OR country = 'CA') AND kind = :kind
    AND number LIKE :pattern ESCAPE '!'
ORDER BY date_created, number LIMIT 1
"""


def wanted(asked: NumberSettings) -> str | None:
    """The number that is asked for by name, in E.164; None when it is asked for by area code. Raises ApiError 21421
    for one that is none, 21451 for a bad area code, 21421 when neither is given (inferred)."""
    if isinstance(asked.phone_number, str):
        return read_number(asked.phone_number)
    if not isinstance(asked.area_code, str):
        raise ApiError(21421, "PhoneNumber or AreaCode must be given")
    if not _AREA_CODE.fullmatch(asked.area_code):
        raise ApiError(21451)
    return None


def read_number(text: str) -> str:
    """A telephone number in E.164. Raises ApiError 21421."""
    found = parse_recipient(text)
    if found is None or found.channel is not Channel.SMS or found.kind is NumberKind.SHORT_CODE:
        raise ApiError(21421)
    return found.address


async def buy(tx: Tx, account_sid: str, asked: NumberSettings, kind: Kind | None) -> Number:
    """Take a number of ``kind``, or of any, from the inventory. Raises ApiError 21421, 21422 when it is not there or
    another one has it, 21451 and 21452 when the area has none."""
    number = wanted(asked)
    if number is None:
        return await _buy_in_area(tx, account_sid, str(asked.area_code), kind or Kind.LOCAL)
    found = await inventory.find_number(tx, number)
    if found is None or (kind is not None and found.kind != kind):
        raise ApiError(21422)
    try:
        return await inventory.assign(tx, number, found.kind, account_sid)
    except Taken:
        raise ApiError(21422) from None


async def _buy_in_area(tx: Tx, account_sid: str, area_code: str, kind: Kind) -> Number:
    pattern = f"+1{area_code}%"
    found: str | None = await tx.value(f"{_IN_AREA} {tx.skip_locked}", kind=kind.value, pattern=pattern)
    if found is None:
        raise ApiError(21452)
    return await inventory.assign(tx, found, kind, account_sid)
