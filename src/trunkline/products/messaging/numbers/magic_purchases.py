"""Purchases with test credentials and their magic numbers: checked, without a purchase (doc)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.api.params import given
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.numbers.buying import requested_number
from trunkline.products.messaging.numbers.inventory import Number, national_form
from trunkline.products.messaging.numbers.number_settings import NumberSettings, StoredSettings
from trunkline.products.messaging.numbers.number_types import NumberType

AVAILABLE = "+15005550006"
INVALID = "+15005550001"
"""The one number that can be bought, and the one that is invalid (doc); all others are not available."""

AREA_CODE = "500"
"""The area code that has numbers (doc)."""


async def create_test_number(tx: Tx, call: Call[NumberSettings]) -> Number:
    """Return the response for a purchase that does not happen. Raise ApiError 21421, 21422, 21451 or 21452 as the
    number has it."""
    params = call.input
    number = requested_number(params)
    if number is None and params.area_code != AREA_CODE:
        raise ApiError(21452)
    if number == INVALID:
        raise ApiError(21421)
    if number not in (None, AVAILABLE):
        raise ApiError(21422)
    changes = given(params)
    settings = {name: value for name, value in changes.items() if name in StoredSettings.__struct_fields__}
    return Number(
        number=AVAILABLE,
        kind=NumberType.LOCAL.value,
        country="US",
        sms=True,
        mms=True,
        voice=True,
        account_sid=call.account_sid,
        sid=new_sid("PN"),
        date_created=tx.now,
        date_updated=tx.now,
        friendly_name=national_form(AVAILABLE) if params.friendly_name is UNSET else params.friendly_name,
        sms_application_sid=changes.get("sms_application_sid"),
        voice_application_sid=changes.get("voice_application_sid"),
        settings=msgspec.json.encode(StoredSettings(**settings)).decode(),
    )
