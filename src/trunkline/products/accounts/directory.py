"""Where credentials are looked up: implements ``trunkline.api.auth.Directory``."""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.principal import Credential, Principal
from trunkline.core.secrets import Vault, same
from trunkline.core.storage.database import Row, Tx
from trunkline.products.accounts.store import find_account, secret_label, token_label


class _AccountEntry(Row, frozen=True):
    sid: str
    owner_account_sid: str
    status: str
    owner_status: str
    auth_token: bytes
    secondary_auth_token: bytes | None


class _KeyEntry(Row, frozen=True):
    sid: str
    kind: str
    secret: bytes
    policy: str | None
    account_sid: str
    owner_account_sid: str
    status: str
    owner_status: str


_ACCOUNT = """
SELECT a.sid, a.owner_account_sid, a.status, o.status, a.auth_token, s.auth_token
FROM accounts a JOIN accounts o ON o.sid = a.owner_account_sid
LEFT JOIN secondary_auth_tokens s ON s.account_sid = a.sid
WHERE a.sid = :sid
"""

_KEY = """
SELECT k.sid, k.kind, k.secret, k.policy, a.sid, a.owner_account_sid, a.status, o.status
FROM api_keys k JOIN accounts a ON a.sid = k.account_sid JOIN accounts o ON o.sid = a.owner_account_sid
WHERE k.sid = :sid
"""

_FULL = (Credential.AUTH_TOKEN, Credential.MAIN_KEY, Credential.OPERATOR)


class AccountDirectory:
    """Finds principals by their credentials."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def authenticate(self, tx: Tx, username: str, password: str) -> Principal | None:
        """The principal of a right pair: account SID and auth token (primary or secondary), or key SID and
        secret. Raises ApiError 20005 when the account, or its parent, is not active."""
        if username.startswith("AC"):
            return await self._by_token(tx, username, password)
        return await self._by_key(tx, username, password)

    async def _by_token(self, tx: Tx, sid: str, token: str) -> Principal | None:
        entry = await tx.one(_AccountEntry, _ACCOUNT, sid=sid)
        if entry is None:
            return None
        sealed = [one for one in (entry.auth_token, entry.secondary_auth_token) if one is not None]
        known = [self._vault.open(token_label(sid), one) for one in sealed]
        if not any([same(one, token) for one in known]):  # noqa: C419 - compare all, in constant time
            return None
        _require_active(entry.status, entry.owner_status)
        return Principal(entry.sid, entry.owner_account_sid, Credential.AUTH_TOKEN)

    async def _by_key(self, tx: Tx, sid: str, secret: str) -> Principal | None:
        entry = await tx.one(_KeyEntry, _KEY, sid=sid)
        if entry is None or not same(self._vault.open(secret_label(sid), entry.secret), secret):
            return None
        _require_active(entry.status, entry.owner_status)
        policy = frozenset(msgspec.json.decode(entry.policy)["allow"]) if entry.policy else frozenset()
        return Principal(
            entry.account_sid, entry.owner_account_sid, Credential(entry.kind), entry.sid, policy
        )

    async def reach(self, tx: Tx, principal: Principal, account_sid: str) -> Principal | None:
        """The caller acting on ``account_sid``: its own account, or with full credentials a subaccount."""
        if account_sid == principal.account_sid:
            return principal
        account = await find_account(tx, account_sid)
        if account is None or account.owner_account_sid != principal.account_sid:
            return None
        if principal.credential not in _FULL:
            return None
        return msgspec.structs.replace(principal, account_sid=account_sid)


def _require_active(*statuses: str) -> None:
    if any(status != "active" for status in statuses):
        raise ApiError(20005)
