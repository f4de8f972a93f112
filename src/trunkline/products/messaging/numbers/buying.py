"""The choice of the number of the inventory for a purchase."""

from __future__ import annotations

import re

import msgspec

from trunkline.api.error_codes import ERROR_CODES
from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, PrepareContext
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number, NumberUnavailable
from trunkline.products.messaging.numbers.number_settings import NumberSettings
from trunkline.products.messaging.numbers.number_types import NumberType
from trunkline.products.messaging.numbers.parsing import AddressKind, Channel, parse_recipient

_AREA_CODE = re.compile(r"[2-9][0-9]{2}")

_IN_AREA = """
SELECT number FROM numbers
WHERE account_sid IS NULL AND country = :country AND kind = :kind AND substr(number, 1, 5) = :area
ORDER BY date_created, number LIMIT 1
"""

_FOR_SALE = "SELECT number FROM numbers WHERE account_sid IS NULL LIMIT 1"


class Purchase(msgspec.Struct, frozen=True):
    """A requested purchase: the number in E.164, None for any of the area code, and its settings."""

    number: str | None
    settings: NumberSettings


def requested_number(params: NumberSettings) -> str | None:
    """Return the number of the request, in E.164; None if it names an area code. Raise ApiError 21421 for an
    invalid number, 21451 for a bad area code, 21421 if neither is given (inferred)."""
    if isinstance(params.phone_number, str):
        return read_number(params.phone_number)
    if not isinstance(params.area_code, str):
        raise ApiError(21421, "PhoneNumber or AreaCode must be given")
    if not _AREA_CODE.fullmatch(params.area_code):
        raise ApiError(21451)
    return None


def read_number(text: str) -> str:
    """Return a telephone number in E.164. Raise ApiError 21421 if it is none."""
    found = parse_recipient(text)
    if found is None or found.channel is not Channel.SMS or found.kind is AddressKind.SHORT_CODE:
        raise ApiError(21421)
    return found.address


async def read_purchase(_: PrepareContext, call: Call[NumberSettings]) -> Purchase:
    """Return the purchase that a request describes. Raise ApiError as ``requested_number``."""
    return Purchase(requested_number(call.input), call.input)


async def buy_number(tx: Tx, account_sid: str, purchase: Purchase, kind: NumberType | None) -> Number:
    """Assign a number of ``kind``, or of any, from the inventory to the account. Raise ApiError 21422 if it is not
    there or has an owner, 21452 if the area has none."""
    number = purchase.number
    if number is None:
        area_code = str(purchase.settings.area_code)
        return await _buy_in_area(tx, account_sid, area_code, kind or NumberType.LOCAL)
    found = await inventory.find_number(tx, number)
    if found is None or (kind is not None and found.kind != kind):
        raise await _unavailable(tx, 21422)
    try:
        return await inventory.assign_number(tx, number, found.kind, account_sid)
    except NumberUnavailable:
        raise ApiError(21422) from None


async def _buy_in_area(tx: Tx, account_sid: str, area_code: str, kind: NumberType) -> Number:
    # An area is in one of the two; each is read by the index of areas.
    for country in ("US", "CA"):
        found: str | None = await tx.value(
            f"{_IN_AREA} {tx.skip_locked}", country=country, kind=kind.value, area=f"+1{area_code}"
        )
        if found is not None:
            return await inventory.assign_number(tx, found, kind, account_sid)
    raise await _unavailable(tx, 21452)


async def _unavailable(tx: Tx, code: int) -> ApiError:
    """Return the error for a number that is not there; it names the remedy if there is none at all (inferred text)."""
    if await tx.value(_FOR_SALE) is not None:
        return ApiError(code)
    return ApiError(
        code, f"{ERROR_CODES[code].text}: the inventory is empty, `trunkline number add` fills it"
    )
