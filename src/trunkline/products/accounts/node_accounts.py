"""The accounts of a node: the callers of its doors, their access tokens, and the tokens that sign its webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.core.clock import SECOND
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.delivery import WebhookAlert
from trunkline.products.accounts import facade, token_issuers, webhook_alerts
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.facade import AccountCredentials
from trunkline.products.accounts.sessions import SessionLimits
from trunkline.products.accounts.token_issuers import Finders, TokenVerifier
from trunkline.settings.accounts import AccountSettings

HOST_ALERT = 20500
"""The code of an alert about the server's machine: the vendor's for a fault of the server."""


class NodeAccounts:
    """The accounts of a node. Access tokens may name the Services that ``finders`` find, by grant."""

    def __init__(
        self,
        settings: AccountSettings,
        database: Database,
        vault: Vault,
        finders: Finders,
        operator_token: str = "",
    ) -> None:
        self._settings = settings
        self._database = database
        self._vault = vault
        self._first: AccountCredentials | None = None
        limits = SessionLimits(
            idle=round(settings.session_idle_minutes * 60 * SECOND),
            total=round(settings.session_hours * 3600 * SECOND),
        )
        self.directory = AccountDirectory(vault, limits, operator_token)
        self.verifier = TokenVerifier(database, vault, finders)

    @property
    def first(self) -> AccountCredentials:
        """The account that the server started with. Raise RuntimeError before the start."""
        if self._first is None:
            raise RuntimeError("the node is not started")
        return self._first

    async def check_master_key(self) -> None:
        """Raise BadMasterKey if the accounts were sealed under another master key."""
        await facade.check_master_key(self._database, self._vault)

    async def start(self) -> None:
        """Find or make the first account."""
        sid, token = self._settings.account_sid, self._settings.auth_token
        self._first = await facade.first_account(self._database, self._vault, sid, token)

    async def signing_token(self, account_sid: str) -> str | None:
        """Return the token that signs an account's webhooks; None if the account, or its parent, is not active."""
        return await facade.signing_token(self._database, self._vault, account_sid)

    async def dead_keys(self, tx: Tx, key_sids: Iterable[str], /) -> set[str]:
        """Return those of the keys that may no longer sign access tokens."""
        return await token_issuers.dead_keys(tx, key_sids)

    async def record_webhook_alert(self, tx: Tx, alert: WebhookAlert, /) -> None:
        """Record an alert about an attempt at a webhook, in the attempt's transaction."""
        await webhook_alerts.record_webhook_alert(tx, alert)

    async def record_host_alert(self, tx: Tx, text: str, /) -> None:
        """Record an alert about this node's machine, for the account that the server started with."""
        await facade.record_alert(tx, self.first.account.sid, HOST_ALERT, text, level="warning")
