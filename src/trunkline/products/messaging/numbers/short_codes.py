"""ShortCodes (SC…): the short codes of an account (2010 API). Only the operator assigns them (doc)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, fetch, listing, update
from trunkline.api.params import Given, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Tx, columns
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.messaging.numbers.incoming_phone_numbers import page_owned
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.number_settings import (
    ShortCodeSettings,
    change_settings,
    stored_settings,
)
from trunkline.products.messaging.numbers.number_types import NumberType
from trunkline.products.messaging.numbers.patterns import partial_number


class ShortCodeFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list (spec): part of the digits, the exact name."""

    short_code: Annotated[Given[str | None], partial_number(international=False)] = UNSET
    friendly_name: Annotated[Given[str | None], text(clears=True)] = UNSET


def view(code: Number, urls: Urls) -> Json:
    """Return the ShortCode resource (spec)."""
    settings = stored_settings(code.settings)
    return {
        "account_sid": code.account_sid,
        "api_version": settings.api_version,
        "date_created": rfc2822(code.date_created),
        "date_updated": rfc2822(code.date_updated),
        "friendly_name": code.friendly_name,
        "short_code": code.number,
        "sid": code.sid,
        "sms_fallback_method": settings.sms_fallback_method,
        "sms_fallback_url": settings.sms_fallback_url,
        "sms_method": settings.sms_method,
        "sms_url": settings.sms_url,
        "uri": f"/{urls.version}/Accounts/{code.account_sid}/SMS/ShortCodes/{code.sid}.json",
    }


_SELECT = f"""
SELECT {columns(Number)} FROM owned_and_free_numbers WHERE account_sid = :account_sid AND kind = 'short-code'
"""


async def find(tx: Tx, account_sid: str, sid: str) -> Number | None:
    """Return the account's short code with this SID."""
    return await tx.one(Number, f"{_SELECT} AND sid = :sid", account_sid=account_sid, sid=sid)


async def fetch_short_code(tx: Tx, call: Call[Empty]) -> Number | None:
    """Return one of the account's short codes."""
    return await find(tx, call.account_sid, call.path["Sid"])


async def page_short_codes(tx: Tx, call: Call[ShortCodeFilters]) -> WalkResult[Number]:
    """Return the account's short codes, oldest first (inferred)."""
    given = call.input
    return await page_owned(tx, call, NumberType.SHORT_CODE.value, given.friendly_name, given.short_code)


async def update_short_code(tx: Tx, call: Call[ShortCodeSettings]) -> Number | None:
    """Change the given settings and no others."""
    if await find(tx, call.account_sid, call.path["Sid"]) is None:
        return None
    await change_settings(tx, call.account_sid, call.path["Sid"], call.input)
    return await find(tx, call.account_sid, call.path["Sid"])


_PATH = "/Accounts/{AccountSid}/SMS/ShortCodes"

OPERATIONS = (
    listing(_PATH, "short_codes", page_short_codes, view, input=ShortCodeFilters),
    fetch(f"{_PATH}/{{Sid}}", fetch_short_code, view),
    update(f"{_PATH}/{{Sid}}", update_short_code, view, ShortCodeSettings),
)
