"""The rows of accounts and keys, and the queries that several of their resources and the command line share."""

from __future__ import annotations

from enum import Enum
from typing import Any

from trunkline.api.errors import ApiError
from trunkline.api.paging import Window
from trunkline.api.principal import Credential, CredentialRevoked
from trunkline.core.secrets import Vault
from trunkline.core.sids import new_sid, new_token
from trunkline.core.storage.account_rows import delete_row, find_row, update_row
from trunkline.core.storage.database import Row, Tx, assignments, columns
from trunkline.products.accounts.sessions import end_sessions

MAX_NAME = 64
"""Characters of the friendly name of an account or a key (doc)."""


class AccountStatus(Enum):
    """The states of an account; a closed one stays closed (doc)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Account(Row, frozen=True):
    """A row of ``accounts``. A main account is its own owner; ``status`` is an ``AccountStatus`` value. ``auth_token``
    is empty once a closed account was emptied; the row stays, so that its SID is never given again."""

    sid: str
    owner_account_sid: str
    friendly_name: str
    status: str
    auth_token: bytes
    date_created: int
    date_updated: int


class Key(Row, frozen=True):
    """A row of ``api_keys``; ``kind`` is a ``Credential`` value, ``policy`` the JSON text of a restricted key."""

    sid: str
    account_sid: str
    kind: str
    friendly_name: str
    secret: bytes
    policy: str | None
    date_created: int
    date_updated: int


class TestCredentials(Row, frozen=True):
    """A row of ``test_credentials``: an account's second pair, whose SID reads as an account's (doc)."""

    __test__ = False

    sid: str
    account_sid: str
    auth_token: bytes
    date_created: int


def token_label(account_sid: str) -> str:
    """Return the vault's label of an account's auth token, primary or secondary."""
    return f"{account_sid}/auth_token"


def secret_label(key_sid: str) -> str:
    """Return the vault's label of a key's secret."""
    return f"{key_sid}/secret"


def open_token(vault: Vault, account: Account) -> str:
    """Return an account's auth token; empty if it was closed and emptied, and has none any more."""
    return vault.open(token_label(account.sid), account.auth_token) if account.auth_token else ""


async def insert_account(
    tx: Tx, vault: Vault, friendly_name: str, *, owner: str = "", sid: str = "", token: str = ""
) -> Account:
    """Make an account: a main one, or a subaccount of ``owner``. Raise Conflict if ``sid`` is in use."""
    sid = sid or new_sid("AC")
    sealed = vault.seal(token_label(sid), token or new_token())
    account = Account(sid, owner or sid, friendly_name, "active", sealed, tx.now, tx.now)
    await tx.insert("accounts", account)
    return account


async def find_account(tx: Tx, sid: str) -> Account | None:
    """Return the account with ``sid``."""
    return await tx.one(Account, f"SELECT {columns(Account)} FROM accounts WHERE sid = :sid", sid=sid)


async def reach_account(tx: Tx, caller_sid: str, sid: str) -> Account | None:
    """Return the account with ``sid`` if it is the caller's own or a subaccount of it. Raise ApiError 20005 if it is
    suspended or closed: then nothing is done for it (doc)."""
    account = await find_account(tx, sid)
    if account is None or caller_sid not in (account.sid, account.owner_account_sid):
        return None
    if account.status != "active":
        raise ApiError(20005)
    return account


async def find_test_credentials(tx: Tx, account_sid: str) -> TestCredentials | None:
    """Return the account's test credentials, if it has some."""
    return await tx.one(
        TestCredentials,
        f"SELECT {columns(TestCredentials)} FROM test_credentials WHERE account_sid = :account_sid",
        account_sid=account_sid,
    )


async def insert_test_credentials(tx: Tx, vault: Vault, account_sid: str) -> TestCredentials:
    """Make an account's test credentials. Raise Conflict if it has some."""
    sid = new_sid("AC")
    made = TestCredentials(sid, account_sid, vault.seal(token_label(sid), new_token()), tx.now)
    await tx.insert("test_credentials", made)
    return made


async def change_account(tx: Tx, account_sid: str, changes: dict[str, Any]) -> None:
    """Set columns of an account. A status that is not active revokes what the account and those below it signed."""
    changes = {**changes, "date_updated": tx.now}
    await tx.run(
        f"UPDATE accounts SET {assignments(tuple(changes))} WHERE sid = :sid", sid=account_sid, **changes
    )
    if changes.get("status", "active") == "active":
        return
    await end_sessions(tx, account_sid)
    tx.announce(CredentialRevoked(account_sid))


async def insert_key(
    tx: Tx,
    vault: Vault,
    account_sid: str,
    friendly_name: str,
    *,
    kind: Credential = Credential.STANDARD_KEY,
    policy: str | None = None,
) -> tuple[Key, str]:
    """Make an API key; return it and its secret, which is never shown again."""
    sid, secret = new_sid("SK"), new_token()
    sealed = vault.seal(secret_label(sid), secret)
    key = Key(sid, account_sid, kind.value, friendly_name, sealed, policy, tx.now, tx.now)
    await tx.insert("api_keys", key)
    return key, secret


async def reach_key(tx: Tx, caller_sid: str, sid: str) -> Key | None:
    """Return the key with ``sid`` if it belongs to the caller's account or a subaccount of it. Raise ApiError 20005 if
    that account is not active."""
    key = await tx.one(Key, f"SELECT {columns(Key)} FROM api_keys WHERE sid = :sid", sid=sid)
    if key is None or await reach_account(tx, caller_sid, key.account_sid) is None:
        return None
    return key


async def find_key(tx: Tx, account_sid: str, sid: str) -> Key | None:
    """Return the account's key with ``sid``."""
    return await find_row(tx, Key, "api_keys", account_sid, sid)


async def page_keys(tx: Tx, account_sid: str, window: Window) -> list[Key]:
    """Return the account's keys, oldest first (inferred)."""
    return await tx.all(
        Key,
        f"SELECT {columns(Key)} FROM api_keys WHERE account_sid = :account_sid {window.tail}",
        account_sid=account_sid,
        **window.values,
    )


async def change_key(tx: Tx, account_sid: str, sid: str, changes: dict[str, Any]) -> Key | None:
    """Set columns of a key, if any are given, and return it."""
    if changes:
        await update_row(tx, "api_keys", account_sid, sid, {**changes, "date_updated": tx.now})
    return await find_key(tx, account_sid, sid)


async def delete_key(tx: Tx, account_sid: str, sid: str) -> bool:
    """Remove a key: its tokens and log-ins are rejected from now on."""
    deleted = await delete_row(tx, "api_keys", account_sid, sid)
    if deleted:
        tx.announce(CredentialRevoked(account_sid, sid))
    return deleted
