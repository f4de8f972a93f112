"""The lookup of credentials. It implements ``trunkline.api.auth.Directory``."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.principal import Credential, Principal
from trunkline.api.sessions import Sessions
from trunkline.core.secrets import Vault, same
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.accounts.sessions import BrowserSessions, SessionLimits
from trunkline.products.accounts.store import (
    TestCredentials,
    find_account,
    reach_account,
    secret_label,
    token_label,
)


class _AccountEntry(Row, frozen=True):
    sid: str
    owner_account_sid: str
    status: str
    auth_token: bytes


class _KeyEntry(Row, frozen=True):
    sid: str
    kind: str
    secret: bytes
    policy: str | None
    account_sid: str


# One table at a time: every request asks, and a join takes several times as long as what most need of it.
_ACCOUNT = f"SELECT {columns(_AccountEntry)} FROM accounts WHERE sid = :sid"
_SECONDARY = "SELECT auth_token FROM secondary_auth_tokens WHERE account_sid = :sid"
_KEY = f"SELECT {columns(_KeyEntry)} FROM api_keys WHERE sid = :sid"

_TEST = f"SELECT {columns(TestCredentials)} FROM test_credentials WHERE sid = :sid"

Fits = Callable[[str], bool]
"""The check of a secret."""

_FULL = (Credential.AUTH_TOKEN, Credential.MAIN_KEY)


class AccountDirectory:
    """The directory of principals by their credentials, and by the sessions of browsers."""

    def __init__(self, vault: Vault, limits: SessionLimits | None = None, operator_token: str = "") -> None:
        self._vault = vault
        self.sessions: Sessions = BrowserSessions(
            self._identify, vault, limits or SessionLimits(), operator_token
        )

    async def authenticate(self, tx: Tx, username: str, password: str) -> Principal | None:
        """Return the principal of a correct pair: account SID and auth token (primary or secondary), the pair of an
        account's test credentials, or key SID and secret. Raise ApiError 20005 if the account, or its parent, is not
        active."""
        return await self._identify(tx, username, lambda secret: same(secret, password))

    async def _identify(self, tx: Tx, username: str, fits: Fits) -> Principal | None:
        if username.startswith("AC"):
            return await self._by_token(tx, username, fits)
        return await self._by_key(tx, username, fits)

    async def _by_token(self, tx: Tx, sid: str, fits: Fits) -> Principal | None:
        entry = await tx.one(_AccountEntry, _ACCOUNT, sid=sid)
        if entry is None:
            return await self._by_test_token(tx, sid, fits)
        if not entry.auth_token:
            return None
        if not fits(self._open(sid, entry.auth_token)):
            secondary = await tx.value(_SECONDARY, sid=sid)
            if secondary is None or not fits(self._open(sid, secondary)):
                return None
        await self._require_active(tx, entry)
        return _principal(entry, Credential.AUTH_TOKEN)

    async def _by_test_token(self, tx: Tx, sid: str, fits: Fits) -> Principal | None:
        found = await tx.one(TestCredentials, _TEST, sid=sid)
        if found is None or not fits(self._open(sid, found.auth_token)):
            return None
        account = await tx.one(_AccountEntry, _ACCOUNT, sid=found.account_sid)
        if account is None:
            return None
        await self._require_active(tx, account)
        return Principal(sid, sid, Credential.TEST)

    def _open(self, sid: str, sealed: bytes) -> str:
        return self._vault.open(token_label(sid), sealed)

    async def _by_key(self, tx: Tx, sid: str, fits: Fits) -> Principal | None:
        entry = await tx.one(_KeyEntry, _KEY, sid=sid)
        if entry is None or not fits(self._vault.open(secret_label(sid), entry.secret)):
            return None
        account = await tx.one(_AccountEntry, _ACCOUNT, sid=entry.account_sid)
        if account is None:
            return None
        await self._require_active(tx, account)
        policy = frozenset(msgspec.json.decode(entry.policy)["allow"]) if entry.policy else frozenset()
        return _principal(account, Credential(entry.kind), entry.sid, policy)

    async def _require_active(self, tx: Tx, account: _AccountEntry) -> None:
        owner: _AccountEntry | None = account
        if account.owner_account_sid != account.sid:
            owner = await tx.one(_AccountEntry, _ACCOUNT, sid=account.owner_account_sid)
        if owner is None or (account.status, owner.status) != ("active", "active"):
            raise ApiError(20005)

    async def reach(self, tx: Tx, principal: Principal, account_sid: str) -> Principal | None:
        """Return the caller acting on ``account_sid``: its own account, with full credentials a subaccount, or as the
        operator any account. Raise ApiError 20005 if a subaccount is not active, or a closed account was emptied."""
        if account_sid == principal.account_sid:
            return principal
        if principal.credential is Credential.OPERATOR:
            account = await find_account(tx, account_sid)
            if account is None:
                return None
            if not account.auth_token:
                raise ApiError(20005)
            return Principal(account.sid, account.owner_account_sid, Credential.OPERATOR)
        if principal.credential not in _FULL:
            return None
        if await reach_account(tx, principal.account_sid, account_sid) is None:
            return None
        return msgspec.structs.replace(principal, account_sid=account_sid)


def _principal(
    account: _AccountEntry,
    credential: Credential,
    key_sid: str | None = None,
    policy: frozenset[str] = frozenset(),
) -> Principal:
    owner = account.owner_account_sid
    return Principal(account.sid, owner, credential, key_sid, policy, parent=owner == account.sid)
