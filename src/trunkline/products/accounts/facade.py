"""The interface of accounts for the rest of Trunkline: the first account, the operator's changes, the check of the
master key."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.api.principal import Credential
from trunkline.core.secrets import Vault
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.products.accounts import alerts
from trunkline.products.accounts.auth_tokens import remove_secondary
from trunkline.products.accounts.store import (
    MAX_NAME,
    Account,
    AccountStatus,
    Key,
    change_account,
    find_account,
    find_test_credentials,
    insert_account,
    insert_key,
    insert_test_credentials,
    open_token,
    token_label,
)

__all__ = [
    "MAX_NAME",
    "SEALED_TOKEN",
    "Account",
    "AccountClosed",
    "AccountCredentials",
    "AccountStatus",
    "UnknownAccount",
    "all_accounts",
    "change_status",
    "check_master_key",
    "check_sealed_token",
    "create_key",
    "create_main_account",
    "find_credentials",
    "find_related",
    "first_account",
    "is_active",
    "known_sids",
    "oldest_account",
    "record_alert",
    "rotate_token",
    "signing_token",
    "test_credentials",
]


class AccountCredentials(msgspec.Struct, frozen=True):
    """An account with its auth token in clear; ``created`` is True if it was made just now."""

    account: Account
    auth_token: str
    created: bool = False


class UnknownAccount(Exception):
    """No account has the given SID."""


class AccountClosed(Exception):
    """The account is closed for good."""


_FIRST = f"""
SELECT {columns(Account)} FROM accounts WHERE sid = owner_account_sid
ORDER BY date_created, sid LIMIT 1
"""


SEALED_TOKEN = """
SELECT sid, auth_token FROM accounts WHERE length(auth_token) > 0 ORDER BY date_created, sid LIMIT 1
"""  # noqa: S105
"""The query for a secret that the master key must open."""


class _SealedToken(Row, frozen=True):
    """A row of ``SEALED_TOKEN``."""

    sid: str
    auth_token: bytes


def check_sealed_token(vault: Vault, row: tuple[str, bytes]) -> None:
    """Raise BadMasterKey if the row of ``SEALED_TOKEN`` was sealed under another master key."""
    sid, sealed = row
    vault.open(token_label(sid), bytes(sealed))


async def check_master_key(database: Database, vault: Vault) -> None:
    """Raise BadMasterKey if the accounts were sealed under another master key."""

    found = await database.read(lambda tx: tx.one(_SealedToken, SEALED_TOKEN))
    if found is not None:
        check_sealed_token(vault, (found.sid, found.auth_token))


async def first_account(database: Database, vault: Vault, sid: str, token: str) -> AccountCredentials:
    """Return the account that a server starts with: the one with ``sid`` if it is given, else the oldest; it is made if
    there is none. A given token counts only for a new account. A closed account stays closed, and has no token once it
    was emptied."""

    async def find_or_make(tx: Tx) -> AccountCredentials:
        await tx.lock("first account")
        account = await (find_account(tx, sid) if sid else tx.one(Account, _FIRST))
        if account is not None:
            return AccountCredentials(account, open_token(vault, account))
        made = await insert_account(tx, vault, "Trunkline", sid=sid, token=token)
        return AccountCredentials(made, open_token(vault, made), created=True)

    return await database.write(find_or_make)


async def oldest_account(tx: Tx) -> str | None:
    """Return the SID of the oldest main account, which is the operator's, also if it is closed; None if there is none
    yet."""
    account = await tx.one(Account, _FIRST)
    return None if account is None else account.sid


async def create_main_account(database: Database, vault: Vault, friendly_name: str) -> AccountCredentials:
    """Make a further main account."""

    async def make(tx: Tx) -> AccountCredentials:
        account = await insert_account(tx, vault, friendly_name)
        return AccountCredentials(account, open_token(vault, account), created=True)

    return await database.write(make)


async def _require_account(tx: Tx, sid: str) -> Account:
    """Return the account with ``sid``. Raise UnknownAccount if there is none."""
    account = await find_account(tx, sid)
    if account is None:
        raise UnknownAccount(sid)
    return account


async def _require_secrets(tx: Tx, sid: str) -> Account:
    """Return the account with ``sid``. Raise UnknownAccount if there is none, AccountClosed if it was closed and
    emptied."""
    account = await _require_account(tx, sid)
    if not account.auth_token:
        raise AccountClosed(sid)
    return account


async def change_status(database: Database, sid: str, status: AccountStatus) -> Account:
    """Change the status of an account; return the account. Raise UnknownAccount if there is none, AccountClosed if it
    is closed and would not stay so."""

    async def change(tx: Tx) -> Account:
        await tx.lock(f"account {sid}")
        account = await _require_account(tx, sid)
        if account.status == AccountStatus.CLOSED.value and status is not AccountStatus.CLOSED:
            raise AccountClosed(sid)
        await change_account(tx, sid, {"status": status.value})
        return await _require_account(tx, sid)

    return await database.write(change)


async def all_accounts(database: Database) -> list[Account]:
    """Return every account, oldest first."""

    async def page(tx: Tx) -> list[Account]:
        return await tx.all(Account, f"SELECT {columns(Account)} FROM accounts ORDER BY date_created, sid")

    return await database.scan(page)


async def find_credentials(database: Database, vault: Vault, sid: str) -> AccountCredentials | None:
    """Return the account ``sid`` with its auth token, or the oldest main account if ``sid`` is empty; None if there is
    no account at all. Raise UnknownAccount if there is no such account, AccountClosed if it was closed and emptied."""

    async def find(tx: Tx) -> Account | None:
        found = sid or await oldest_account(tx)
        return await _require_secrets(tx, found) if found else None

    account = await database.read(find)
    if account is None:
        return None
    return AccountCredentials(account, open_token(vault, account))


_KNOWN = """
SELECT sid FROM accounts WHERE sid = :sid UNION SELECT sid FROM test_credentials WHERE sid = :sid
UNION SELECT sid FROM api_keys WHERE sid = :sid
"""


async def known_sids(database: Database, sids: Iterable[str]) -> set[str]:
    """Return those of the SIDs that accounts, test credentials or keys have here."""

    async def find(tx: Tx) -> set[str]:
        return {sid for sid in sids if await tx.value(_KNOWN, sid=sid)}

    return await database.query(find)


async def rotate_token(database: Database, vault: Vault, account_sid: str) -> AccountCredentials:
    """Give an account a new auth token. The old one and a secondary one are revoked at once: either of them may be the
    one that leaked. Raise UnknownAccount if there is no such account, AccountClosed if it was emptied."""

    async def rotate(tx: Tx) -> AccountCredentials:
        token = new_token()
        account = await _require_secrets(tx, account_sid)
        await change_account(tx, account_sid, {"auth_token": vault.seal(token_label(account_sid), token)})
        await remove_secondary(tx, account_sid)
        return AccountCredentials(account, token)

    return await database.write(rotate)


async def test_credentials(database: Database, vault: Vault, account_sid: str) -> tuple[str, str]:
    """Return SID and token of an account's test credentials, made on first use. Raise UnknownAccount if there is no
    such account, AccountClosed if it was emptied."""

    async def find_or_make(tx: Tx) -> tuple[str, str]:
        await tx.lock(f"account {account_sid}")
        await _require_secrets(tx, account_sid)
        found = await find_test_credentials(tx, account_sid)
        found = found or await insert_test_credentials(tx, vault, account_sid)
        return found.sid, vault.open(token_label(found.sid), found.auth_token)

    return await database.write(find_or_make)


_SIGNING = """
SELECT a.auth_token FROM accounts a JOIN accounts o ON o.sid = a.owner_account_sid
WHERE a.sid = :sid AND a.status = 'active' AND o.status = 'active'
"""


async def is_active(tx: Tx, account_sid: str) -> bool:
    """Return whether the account and its parent are active."""
    return await tx.value(_SIGNING, sid=account_sid) is not None


_RELATED = """
SELECT other.status FROM accounts a JOIN accounts other ON other.owner_account_sid = a.owner_account_sid
WHERE a.sid = :sid AND other.sid = :other
"""


async def find_related(tx: Tx, account_sid: str, other_sid: str) -> AccountStatus | None:
    """Return the status of the other account if it belongs to the same main account, or is it; else None."""
    status: str | None = await tx.value(_RELATED, sid=account_sid, other=other_sid)
    return None if status is None else AccountStatus(status)


async def signing_token(database: Database, vault: Vault, account_sid: str) -> str | None:
    """Return the primary auth token, which signs an account's webhooks; None if the account, or its parent, is not
    active."""
    sealed = await database.read(lambda tx: tx.value(_SIGNING, sid=account_sid))
    return None if sealed is None else vault.open(token_label(account_sid), sealed)


async def create_key(
    database: Database, vault: Vault, account_sid: str, friendly_name: str, *, main: bool
) -> tuple[Key, str]:
    """Make a standard or main key; return it and its secret. Raise UnknownAccount if there is no such account,
    AccountClosed if it was emptied."""

    async def make(tx: Tx) -> tuple[Key, str]:
        await _require_secrets(tx, account_sid)
        kind = Credential.MAIN_KEY if main else Credential.STANDARD_KEY
        return await insert_key(tx, vault, account_sid, friendly_name, kind=kind)

    return await database.write(make)


async def record_alert(
    tx: Tx, account_sid: str, code: int, text: str, *, level: str = "error", **about: str
) -> None:
    """Record an alert for the account's debugger; ``about`` are the fields of ``alerts.AlertContext``."""
    await alerts.record(tx, account_sid, code, text, level, alerts.AlertContext(**about))
