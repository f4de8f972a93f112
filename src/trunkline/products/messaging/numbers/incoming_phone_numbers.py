"""IncomingPhoneNumbers (PN…): the numbers of an account (2010 API).

Buying a number assigns one of the operator's inventory, releasing it returns it there.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given, Parser, boolean, text
from trunkline.api.principal import Access, Principal
from trunkline.api.views import Json, Urls
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Tx, columns
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.accounts import facade as accounts
from trunkline.products.accounts.facade import AccountStatus
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.buying import Purchase, buy_number, read_purchase
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.magic_purchases import create_test_number
from trunkline.products.messaging.numbers.number_settings import (
    NumberSettings,
    change_settings,
    stored_settings,
)
from trunkline.products.messaging.numbers.number_types import NumberType
from trunkline.products.messaging.numbers.patterns import partial_number

ORIGIN = "twilio"
"""The origin of all numbers in the API (spec)."""


class NumberFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list (spec): part of the number, the exact name; no number is in beta, all are of one origin."""

    phone_number: Annotated[Given[str | None], partial_number()] = UNSET
    friendly_name: Annotated[Given[str | None], text(clears=True)] = UNSET
    beta: Annotated[Given[bool | None], Parser(boolean().parse, clears=True)] = UNSET
    origin: Annotated[Given[str | None], text(clears=True)] = UNSET


def view(number: Number, urls: Urls) -> Json:
    """Return the IncomingPhoneNumber resource (spec); an unset URL of messages is empty text (doc)."""
    settings = stored_settings(number.settings)
    uri = f"/{urls.version}/Accounts/{number.account_sid}/IncomingPhoneNumbers/{number.sid}"
    return {
        "account_sid": number.account_sid,
        "address_requirements": "none",
        "address_sid": settings.address_sid,
        "api_version": settings.api_version,
        "beta": False,
        "capabilities": {"voice": number.voice, "sms": number.sms, "mms": number.mms, "fax": False},
        "date_created": rfc2822(number.date_created),
        "date_updated": rfc2822(number.date_updated),
        "emergency_address_sid": settings.emergency_address_sid,
        "emergency_address_status": "registered" if settings.emergency_address_sid else "unregistered",
        "emergency_status": settings.emergency_status,
        "friendly_name": number.friendly_name,
        "identity_sid": settings.identity_sid,
        "origin": ORIGIN,
        "phone_number": number.number,
        "sid": number.sid,
        "sms_application_sid": number.sms_application_sid or "",
        "sms_fallback_method": settings.sms_fallback_method,
        "sms_fallback_url": settings.sms_fallback_url or "",
        "sms_method": settings.sms_method,
        "sms_url": settings.sms_url or "",
        "status_callback": settings.status_callback or "",
        "status_callback_method": settings.status_callback_method,
        "trunk_sid": settings.trunk_sid,
        "uri": f"{uri}.json",
        "voice_application_sid": number.voice_application_sid or "",
        "voice_caller_id_lookup": settings.voice_caller_id_lookup,
        "voice_fallback_method": settings.voice_fallback_method,
        "voice_fallback_url": settings.voice_fallback_url or "",
        "voice_method": settings.voice_method,
        "voice_receive_mode": settings.voice_receive_mode,
        "voice_url": settings.voice_url or "",
        "bundle_sid": settings.bundle_sid,
        "status": "in-use",
        "type": number.kind,
    }


_TELEPHONE = "kind <> 'short-code' AND kind <> 'channel'"
_SELECT = (
    f"SELECT {columns(Number)} FROM owned_and_free_numbers WHERE account_sid = :account_sid AND {_TELEPHONE}"
)


async def find(tx: Tx, account_sid: str, sid: str) -> Number | None:
    """Return the account's telephone number with this SID."""
    return await tx.one(Number, f"{_SELECT} AND sid = :sid", account_sid=account_sid, sid=sid)


async def create_number(tx: Tx, call: Call[Purchase], kind: NumberType | None = None) -> Number | None:
    """Buy a number, of the kind of the path if it has one. Raise ApiError 21422 and 21452 if there is none, and 21218
    for an unknown application."""
    bought = await buy_number(tx, call.account_sid, call.input, kind)
    assert bought.sid is not None
    await change_settings(tx, call.account_sid, bought.sid, call.input.settings)
    return await find(tx, call.account_sid, bought.sid)


async def fetch_number(tx: Tx, call: Call[Empty]) -> Number | None:
    """Return one of the account's numbers."""
    return await find(tx, call.account_sid, call.path["Sid"])


async def page_numbers(
    tx: Tx, call: Call[NumberFilters], kind: NumberType | None = None
) -> list[Number] | WalkResult[Number]:
    """Return the account's numbers, of the kind of the path if it has one, oldest first (inferred)."""
    params = call.input
    if params.beta is True or params.origin not in (UNSET, None, ORIGIN):
        return []
    return await page_owned(
        tx, call, None if kind is None else kind.value, params.friendly_name, params.phone_number
    )


async def page_owned(
    tx: Tx, call: Call[Any], kind: str | None, name: Given[str | None], pattern: Given[str | None]
) -> WalkResult[Number]:
    """Return the account's numbers of a kind, or all its telephone numbers, oldest first: those of a name, if one is
    given, and those that match a pattern."""
    held, checked = ["account_sid = :account_sid", _TELEPHONE if kind is None else "kind = :kind"], []
    if isinstance(name, str):
        held.append("friendly_name = :friendly_name")
    whole = await inventory.find_whole(tx, pattern, call.account_sid) if isinstance(pattern, str) else None
    if whole:
        held.append("number = :whole")
    elif isinstance(pattern, str):
        checked.append("number LIKE :pattern ESCAPE '!'")
    return await walk(
        tx,
        Number,
        ListQuery("owned_and_free_numbers", tuple(held), tuple(checked)),
        call.window.span,
        account_sid=call.account_sid,
        kind=kind,
        friendly_name=name,
        pattern=pattern,
        whole=whole,
    )


async def update_number(tx: Tx, call: Call[NumberSettings]) -> Number | None:
    """Change the given settings and no others; ``AccountSid`` moves the number first (doc), so that the given settings
    are the new owner's. Raise ApiError 21218 for an application that the owner does not have, and as ``_move``."""
    sid, owner, target = call.path["Sid"], call.account_sid, call.input.account_sid
    if await find(tx, owner, sid) is None:
        return None
    if isinstance(target, str) and target != owner:
        await _move(tx, call.principal, sid, target)
        owner = target
    await change_settings(tx, owner, sid, call.input)
    return await find(tx, owner, sid)


async def _move(tx: Tx, principal: Principal, sid: str, target: str) -> None:
    """Move a number to another account of the same main account. Raise ApiError 21474 unless the main account
    requests it, 21471 for any other account, 21472 for one that is not active (doc)."""
    if not principal.parent or not principal.may(Access.MAIN):
        raise ApiError(21474)
    status = await accounts.find_related(tx, principal.account_sid, target)
    if status is None:
        raise ApiError(21471)
    if status is not AccountStatus.ACTIVE:
        raise ApiError(21472)
    await inventory.transfer_number(tx, principal.account_sid, sid, target)


async def delete_number(tx: Tx, call: Call[Empty]) -> bool:
    """Release a number: it returns into the inventory, and leaves its pool (inferred)."""
    if await find(tx, call.account_sid, call.path["Sid"]) is None:
        return False
    return await inventory.release_number(tx, call.account_sid, call.path["Sid"])


_PATH = "/Accounts/{AccountSid}/IncomingPhoneNumbers"
_KEY = "incoming_phone_numbers"


def _both(path: str, kind: NumberType | None) -> tuple[Operation, ...]:
    making: Any = partial(create_number, kind=kind)
    paging: Any = partial(page_numbers, kind=kind)
    return (
        create(path, making, view, NumberSettings, prepare=read_purchase, test_action=create_test_number),
        listing(path, _KEY, paging, view, input=NumberFilters),
    )


OPERATIONS = (
    *_both(_PATH, None),
    *_both(f"{_PATH}/Local", NumberType.LOCAL),
    *_both(f"{_PATH}/Mobile", NumberType.MOBILE),
    *_both(f"{_PATH}/TollFree", NumberType.TOLL_FREE),
    fetch(f"{_PATH}/{{Sid}}", fetch_number, view),
    update(f"{_PATH}/{{Sid}}", update_number, view, NumberSettings),
    delete(f"{_PATH}/{{Sid}}", delete_number),
)
