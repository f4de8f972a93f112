"""Accounts (AC…): a main account and its subaccounts (2010 API).

Only the parent creates, suspends, reactivates or closes a subaccount, ``closed`` is final and subaccounts cannot nest
(doc). A main account's status is the operator's (command line).
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.auth import unauthorized
from trunkline.api.errors import ApiError, invalid
from trunkline.api.operation import Call, Empty, create, fetch, listing, update
from trunkline.api.params import Given, choice, given, text
from trunkline.api.principal import Access
from trunkline.api.views import Json, Urls
from trunkline.core.clock import SECOND
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.accounts.store import (
    MAX_NAME,
    Account,
    AccountStatus,
    change_account,
    find_account,
    insert_account,
    open_token,
)

STATUSES = tuple(status.value for status in AccountStatus)


class CreateAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of create: a name of up to 64 characters."""

    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET


class UpdateAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of update."""

    friendly_name: Annotated[Given[str], text(1, MAX_NAME, code=20002)] = UNSET
    status: Annotated[Given[str], choice(*STATUSES)] = UNSET


class AccountFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list; the name is matched exactly (spec)."""

    friendly_name: Annotated[Given[str | None], text(clears=True)] = UNSET
    status: Annotated[Given[str | None], choice(*STATUSES, clears=True)] = UNSET


class AccountWithToken(msgspec.Struct, frozen=True):
    """An account with its auth token readable: Accounts show it to whoever may manage them (doc)."""

    account: Account
    auth_token: str

    @property
    def sid(self) -> str:
        """A list is sorted by it."""
        return self.account.sid

    @property
    def date_created(self) -> int:
        """A list is sorted by it."""
        return self.account.date_created


_SUBRESOURCES = {
    "available_phone_numbers": "AvailablePhoneNumbers",
    "calls": "Calls",
    "conferences": "Conferences",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "notifications": "Notifications",
    "outgoing_caller_ids": "OutgoingCallerIds",
    "recordings": "Recordings",
    "transcriptions": "Transcriptions",
    "addresses": "Addresses",
    "signing_keys": "SigningKeys",
    "connect_apps": "ConnectApps",
    "sip": "SIP",
    "authorized_connect_apps": "AuthorizedConnectApps",
    "usage": "Usage",
    "keys": "Keys",
    "applications": "Applications",
    "short_codes": "SMS/ShortCodes",
    "queues": "Queues",
    "messages": "Messages",
    "balance": "Balance",
}


def view(opened: AccountWithToken, urls: Urls) -> Json:
    """Return the Account resource (spec). URIs are relative, as everywhere in the 2010 API."""
    account = opened.account
    uri = f"/{urls.version}/Accounts/{account.sid}"
    return {
        "auth_token": opened.auth_token,
        "date_created": rfc2822(account.date_created),
        "date_updated": rfc2822(account.date_updated),
        "friendly_name": account.friendly_name,
        "owner_account_sid": account.owner_account_sid,
        "sid": account.sid,
        "status": account.status,
        "subresource_uris": {name: f"{uri}/{path}.json" for name, path in _SUBRESOURCES.items()},
        "type": "Full",
        "uri": f"{uri}.json",
    }


def _opened(call: Call[Any], account: Account) -> AccountWithToken:
    return AccountWithToken(account, open_token(call.vault, account))


async def create_subaccount(tx: Tx, call: Call[CreateAccount]) -> AccountWithToken:
    """Make a subaccount of the caller's account. Raise ApiError 21101 if that is one itself."""
    if call.principal.owner_sid != call.account_sid:
        raise ApiError(21101)
    moment = datetime.datetime.fromtimestamp(tx.now // SECOND, datetime.UTC)
    name = call.input.friendly_name or f"SubAccount Created at {moment:%Y-%m-%d %I:%M %p}"
    return _opened(call, await insert_account(tx, call.vault, name, owner=call.account_sid))


async def fetch_account(tx: Tx, call: Call[Empty]) -> AccountWithToken | None:
    """Return the caller's own account, or one of its subaccounts."""
    account = await _reachable(tx, call)
    return None if account is None else _opened(call, account)


async def page_accounts(tx: Tx, call: Call[AccountFilters]) -> WalkResult[AccountWithToken]:
    """Return the caller's account and its subaccounts, oldest first (inferred)."""
    values = {name: value for name, value in given(call.input).items() if value is not None}
    # A main account is its own owner; a subaccount owns none.
    is_main = call.principal.owner_sid == call.account_sid
    held = ["owner_account_sid = :account_sid" if is_main else "sid = :account_sid"]
    held += [f"{name} = :{name}" for name in ("friendly_name", "status") if name in values]
    query = ListQuery("accounts", tuple(held))
    found = await walk(tx, Account, query, call.window.span, account_sid=call.account_sid, **values)
    return found.map(lambda account: _opened(call, account))


async def update_account(tx: Tx, call: Call[UpdateAccount]) -> AccountWithToken | None:
    """Rename an account, or change a subaccount's status. Raise ApiError 20003 if the caller may not change the
    status, 20001 for a closed account."""
    await tx.lock(f"account {call.path['Sid']}")
    account = await _reachable(tx, call)
    if account is None:
        return None
    changes = given(call.input)
    if changes.get("status", account.status) != account.status:
        if account.owner_account_sid == account.sid or account.sid == call.account_sid:
            raise unauthorized(detail="Only the parent account may change the status of a subaccount.")
        if account.status == AccountStatus.CLOSED.value:
            raise invalid("Status", "a closed account stays closed")
    if changes:
        await change_account(tx, account.sid, changes)
        account = msgspec.structs.replace(account, **changes, date_updated=tx.now)
    return _opened(call, account)


async def _reachable(tx: Tx, call: Call[Any]) -> Account | None:
    account = await find_account(tx, call.path["Sid"])
    if account is None or call.account_sid not in (account.sid, account.owner_account_sid):
        return None
    return account


OPERATIONS = (
    create("/Accounts", create_subaccount, view, CreateAccount, access=Access.MAIN),
    listing("/Accounts", "accounts", page_accounts, view, input=AccountFilters, access=Access.MAIN),
    fetch("/Accounts/{Sid}", fetch_account, view, access=Access.MAIN),
    update("/Accounts/{Sid}", update_account, view, UpdateAccount, access=Access.MAIN),
)
