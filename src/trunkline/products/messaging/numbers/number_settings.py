"""The owner's settings of a number: parameters, stored form, and changes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.params import Given, boolean, choice, given, http_method, sid, text, url
from trunkline.core.storage.account_rows import update_row
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.applications import find_application

API_VERSION = "2010-04-01"
VERSIONS = (API_VERSION, "2008-08-01")

MAX_NAME = 64
"""Characters of a friendly name (doc)."""


class NumberSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a telephone number (spec). ``phone_number`` and ``area_code`` choose the one to buy,
    ``account_sid`` moves it. Settings of calls, addresses and identities are stored and returned, without an effect
    on SMS."""

    phone_number: Annotated[Given[str | None], text(clears=True)] = UNSET
    area_code: Annotated[Given[str | None], text(clears=True)] = UNSET
    account_sid: Annotated[Given[str | None], sid("AC", code=21470)] = UNSET
    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET
    api_version: Annotated[Given[str], choice(*VERSIONS)] = UNSET
    sms_application_sid: Annotated[Given[str | None], sid("AP", code=21218)] = UNSET
    sms_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    sms_method: Annotated[Given[str], http_method(21209)] = UNSET
    sms_fallback_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    sms_fallback_method: Annotated[Given[str], http_method(21209)] = UNSET
    status_callback: Annotated[Given[str | None], url(code=21205)] = UNSET
    status_callback_method: Annotated[Given[str], http_method(21209)] = UNSET
    voice_application_sid: Annotated[Given[str | None], sid("AP", code=21218)] = UNSET
    voice_caller_id_lookup: Annotated[Given[bool], boolean()] = UNSET
    voice_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    voice_method: Annotated[Given[str], http_method(21209)] = UNSET
    voice_fallback_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    voice_fallback_method: Annotated[Given[str], http_method(21209)] = UNSET
    voice_receive_mode: Annotated[Given[str], choice("voice", "fax")] = UNSET
    emergency_status: Annotated[Given[str], choice("Active", "Inactive", fold=True)] = UNSET
    emergency_address_sid: Annotated[Given[str | None], sid("AD")] = UNSET
    trunk_sid: Annotated[Given[str | None], sid("TK")] = UNSET
    identity_sid: Annotated[Given[str | None], sid("RI")] = UNSET
    address_sid: Annotated[Given[str | None], sid("AD")] = UNSET
    bundle_sid: Annotated[Given[str | None], sid("BU")] = UNSET


class ShortCodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a short code (spec)."""

    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET
    api_version: Annotated[Given[str], choice(*VERSIONS)] = UNSET
    sms_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    sms_method: Annotated[Given[str], http_method(21209)] = UNSET
    sms_fallback_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    sms_fallback_method: Annotated[Given[str], http_method(21209)] = UNSET


class StoredSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of the column ``settings``, as JSON; the defaults are those of a number that was just bought
    (spec)."""

    api_version: str = API_VERSION
    sms_url: str | None = None
    sms_method: str = "POST"
    sms_fallback_url: str | None = None
    sms_fallback_method: str = "POST"
    status_callback: str | None = None
    status_callback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_receive_mode: str = "voice"
    emergency_status: str = "Inactive"
    emergency_address_sid: str | None = None
    trunk_sid: str | None = None
    identity_sid: str | None = None
    address_sid: str | None = None
    bundle_sid: str | None = None


_DECODER = msgspec.json.Decoder(StoredSettings)


def stored_settings(settings: str) -> StoredSettings:
    """Return the column, decoded."""
    return _DECODER.decode(settings)


_SETTINGS = """
SELECT settings FROM numbers WHERE account_sid = :account_sid AND sid = :sid
"""
_APPLICATIONS = ("sms_application_sid", "voice_application_sid")


async def change_settings(
    tx: Tx, account_sid: str, sid: str, params: NumberSettings | ShortCodeSettings
) -> None:
    """Change the given settings and no others. Raise ApiError 21218 for an application that the account does not
    have."""
    await lock_number(tx, sid)
    changes = given(params)
    columns: dict[str, Any] = {
        name: changes[name] for name in (*_APPLICATIONS, "friendly_name") if name in changes
    }
    for name in _APPLICATIONS:
        application = columns.get(name)
        if application is not None and await find_application(tx, account_sid, application) is None:
            raise ApiError(21218)
    found = {name: value for name, value in changes.items() if name in StoredSettings.__struct_fields__}
    if found:
        settings = await tx.value(_SETTINGS, account_sid=account_sid, sid=sid)
        columns["settings"] = msgspec.json.encode(
            msgspec.structs.replace(stored_settings(settings), **found)
        ).decode()
    if columns:
        columns["date_updated"] = tx.now
        await update_row(tx, "numbers", account_sid, sid, columns)


async def lock_number(tx: Tx, sid: str) -> None:
    """Lock the number against other transactions that change, release or move it, or add it to a Service."""
    await tx.lock(f"number {sid}")
