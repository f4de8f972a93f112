"""Keys and SigningKeys (SK…): one store under two names (2010 API, doc).

The secret is in the response to create and never shown again. Keys made here are standard keys; main keys come from the
command line, restricted ones from iam.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given, given, text
from trunkline.api.principal import Access
from trunkline.api.views import Json, Urls
from trunkline.core.dates import rfc2822
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import store
from trunkline.products.accounts.store import MAX_NAME, Key


class KeyName(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of create and update: a name of up to 64 characters."""

    friendly_name: Annotated[Given[str], text(0, MAX_NAME, code=20002)] = UNSET


class NewKey(msgspec.Struct, frozen=True):
    """A key with its secret, for the response to create."""

    key: Key
    secret: str


def view(key: Key, urls: Urls) -> Json:
    """Return the Key resource (spec)."""
    return {
        "sid": key.sid,
        "friendly_name": key.friendly_name,
        "date_created": rfc2822(key.date_created),
        "date_updated": rfc2822(key.date_updated),
    }


def new_view(new: NewKey, urls: Urls) -> Json:
    """Return the response to create (spec)."""
    return {**view(new.key, urls), "secret": new.secret}


async def create_key(tx: Tx, call: Call[KeyName]) -> NewKey:
    """Make a standard key."""
    return NewKey(*await store.insert_key(tx, call.vault, call.account_sid, call.input.friendly_name or ""))


async def fetch_key(tx: Tx, call: Call[Empty]) -> Key | None:
    """Return one of the account's keys."""
    return await store.find_key(tx, call.account_sid, call.path["Sid"])


async def page_keys(tx: Tx, call: Call[Empty]) -> list[Key]:
    """Return the account's keys."""
    return await store.page_keys(tx, call.account_sid, call.window)


async def update_key(tx: Tx, call: Call[KeyName]) -> Key | None:
    """Rename a key."""
    return await store.change_key(tx, call.account_sid, call.path["Sid"], given(call.input))


async def delete_key(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a key."""
    return await store.delete_key(tx, call.account_sid, call.path["Sid"])


def _operations(name: str, key: str) -> tuple[Operation, ...]:
    path = f"/Accounts/{{AccountSid}}/{name}"
    return (
        create(path, create_key, new_view, KeyName, access=Access.MAIN),
        listing(path, key, page_keys, view, access=Access.MAIN),
        fetch(f"{path}/{{Sid}}", fetch_key, view, access=Access.MAIN),
        update(f"{path}/{{Sid}}", update_key, view, KeyName, access=Access.MAIN),
        delete(f"{path}/{{Sid}}", delete_key, access=Access.MAIN),
    )


OPERATIONS = _operations("Keys", "keys") + _operations("SigningKeys", "signing_keys")
