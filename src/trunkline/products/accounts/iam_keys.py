"""Keys of iam v1: the same keys, and the way to restricted ones.

A restricted key does only what its policy allows: at most 100 permissions such as
``/twilio/messaging/messages/read`` (doc). It cannot manage keys or accounts, nor sign access tokens.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import invalid, missing
from trunkline.api.operation import Call, Empty, create, delete, fetch, listing, update
from trunkline.api.params import Given, choice, given, json_object, required, sid, text
from trunkline.api.principal import Access, Credential
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.core.strict_json import decode_object
from trunkline.products.accounts import keys, store
from trunkline.products.accounts.keys import NewKey
from trunkline.products.accounts.store import MAX_NAME, Key

MAX_PERMISSIONS = 100


class CreateKey(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of create; without ``key_type`` the key is a standard one (spec)."""

    account_sid: Annotated[Given[str], sid("AC", clears=False), required()] = UNSET
    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET
    key_type: Annotated[Given[str], choice("restricted", "standard")] = UNSET
    policy: Annotated[Given[str | None], json_object()] = UNSET


class UpdateKey(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of update."""

    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET
    policy: Annotated[Given[str | None], json_object()] = UNSET


class KeyFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list: whose keys (spec)."""

    account_sid: Annotated[Given[str], sid("AC", clears=False), required()] = UNSET


def view(key: Key, urls: Urls) -> Json:
    """Return the Key resource of iam (spec)."""
    policy = None if key.policy is None else msgspec.json.decode(key.policy)
    return {**keys.view(key, urls), "policy": policy}


def new_view(new: NewKey, urls: Urls) -> Json:
    """Return the response to create (spec)."""
    return {**view(new.key, urls), "secret": new.secret}


def row_view(key: Key, urls: Urls) -> Json:
    """Return a row of the list (spec). ``flags`` are the uses of the key; a restricted key cannot sign tokens."""
    flags = ["rest_api"] if key.kind == Credential.RESTRICTED_KEY.value else ["rest_api", "signing"]
    return {**keys.view(key, urls), "flags": flags}


async def create_key(tx: Tx, call: Call[CreateKey]) -> NewKey | None:
    """Make a standard or restricted key for the caller's account or a subaccount of it."""
    account = await store.reach_account(tx, call.account_sid, str(call.input.account_sid))
    if account is None:
        return None
    policy = call.input.policy or None
    restricted = call.input.key_type == "restricted"
    if restricted and policy is None:
        raise missing("Policy")
    if policy is not None and not restricted:
        raise invalid("Policy", "only a restricted key has one")
    made = await store.insert_key(
        tx,
        call.vault,
        account.sid,
        call.input.friendly_name or "",
        kind=Credential.RESTRICTED_KEY if restricted else Credential.STANDARD_KEY,
        policy=policy and checked_policy(policy),
    )
    return NewKey(*made)


async def page_keys(tx: Tx, call: Call[KeyFilters]) -> list[Key] | None:
    """Return the keys of the caller's account or a subaccount of it."""
    account = await store.reach_account(tx, call.account_sid, str(call.input.account_sid))
    return None if account is None else await store.page_keys(tx, account.sid, call.window)


async def fetch_key(tx: Tx, call: Call[Empty]) -> Key | None:
    """Return a key of the caller's account or a subaccount of it."""
    return await store.reach_key(tx, call.account_sid, call.path["Sid"])


async def delete_key(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a key of the caller's account or a subaccount of it."""
    key = await store.reach_key(tx, call.account_sid, call.path["Sid"])
    return key is not None and await store.delete_key(tx, key.account_sid, key.sid)


async def update_key(tx: Tx, call: Call[UpdateKey]) -> Key | None:
    """Rename a key, or replace the policy of a restricted one."""
    key = await store.reach_key(tx, call.account_sid, call.path["Sid"])
    if key is None:
        return None
    changes = given(call.input)
    if "policy" in changes:
        if key.kind != Credential.RESTRICTED_KEY.value:
            raise invalid("Policy", "only a restricted key has one")
        if changes["policy"] is None:
            raise invalid("Policy", "a restricted key needs one")
        changes["policy"] = checked_policy(changes["policy"])
    return await store.change_key(tx, key.account_sid, key.sid, changes)


def checked_policy(policy: str) -> str:
    """Return a policy such as ``{"allow": ["/twilio/messaging/messages/read"]}``, a JSON object. Raise ApiError 20001
    for a bad one."""
    document = decode_object(policy)
    allowed = document.get("allow")
    fits = (
        document.keys() == {"allow"}
        and isinstance(allowed, list)
        and 1 <= len(allowed) <= MAX_PERMISSIONS
        and all(isinstance(item, str) and item.startswith("/twilio/") for item in allowed)
    )
    if not fits:
        raise invalid("Policy", f'must be {{"allow": [...]}} with 1 to {MAX_PERMISSIONS} permissions')
    return policy


OPERATIONS = (
    create("/Keys", create_key, new_view, CreateKey, access=Access.MAIN),
    listing("/Keys", "keys", page_keys, row_view, input=KeyFilters, access=Access.MAIN),
    fetch("/Keys/{Sid}", fetch_key, view, access=Access.MAIN),
    update("/Keys/{Sid}", update_key, view, UpdateKey, access=Access.MAIN),
    delete("/Keys/{Sid}", delete_key, access=Access.MAIN),
)
