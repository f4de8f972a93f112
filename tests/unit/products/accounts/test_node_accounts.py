"""The accounts of a node: the first account is there from the start on."""

from __future__ import annotations

import pytest

from trunkline.core.secrets import BadMasterKey, Vault
from trunkline.core.storage.database import Database
from trunkline.products import accounts
from trunkline.products.accounts.node_accounts import NodeAccounts
from trunkline.settings.accounts import AccountSettings

MIGRATIONS = accounts.MIGRATIONS
SID = "AC" + "1" * 32
TOKEN = "f" * 32


def node_accounts(database: Database, key: bytes = b"k" * 32) -> NodeAccounts:
    return NodeAccounts(AccountSettings(account_sid=SID, auth_token=TOKEN), database, Vault(key), {})


async def test_the_first_account_is_made_at_the_start(database: Database) -> None:
    opened = node_accounts(database)
    with pytest.raises(RuntimeError, match="not started"):
        _ = opened.first
    await opened.start()
    assert (opened.first.account.sid, opened.first.auth_token, opened.first.created) == (SID, TOKEN, True)
    assert await opened.signing_token(SID) == TOKEN


async def test_another_master_key_stops_the_start(database: Database) -> None:
    await node_accounts(database).start()
    with pytest.raises(BadMasterKey):
        await node_accounts(database, b"o" * 32).start()
