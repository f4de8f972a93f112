"""Accounts, their credentials and who may use what: the API that the products share."""

from __future__ import annotations

from trunkline.api.operation import Mount, Product, Style
from trunkline.api.principal import CredentialRevoked
from trunkline.products.accounts import accounts, alerts, auth_tokens, iam_keys, keys
from trunkline.products.accounts.retention import RETENTION
from trunkline.products.accounts.schema import MIGRATIONS
from trunkline.products.accounts.sessions import SESSIONS_REMOVAL
from trunkline.products.manifest import Manifest
from trunkline.settings.accounts import AccountSettings

_MOUNTS = (
    Mount("api", "2010-04-01", accounts.OPERATIONS + keys.OPERATIONS, style=Style.FLAT, suffix=True),
    Mount("iam", "v1", iam_keys.OPERATIONS),
    Mount("accounts", "v1", auth_tokens.OPERATIONS),
    Mount("monitor", "v1", alerts.OPERATIONS),
)


def manifest(settings: AccountSettings) -> Manifest:
    """Return the manifest of accounts."""

    return Manifest(
        Product("accounts", _MOUNTS),
        MIGRATIONS,
        (CredentialRevoked,),
        removals=(SESSIONS_REMOVAL,),
        retention=RETENTION,
    )
