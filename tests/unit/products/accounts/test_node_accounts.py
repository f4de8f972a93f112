"""The accounts of a node: the first account is there from the start on."""

from __future__ import annotations

import asyncio

import pytest

from engines import opened
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


def test_the_first_account_is_made_at_the_start(database_url: str) -> None:
    async def main() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            node = node_accounts(database)
            with pytest.raises(RuntimeError, match="not started"):
                _ = node.first
            await node.start()
            assert (node.first.account.sid, node.first.auth_token, node.first.created) == (SID, TOKEN, True)
            assert await node.signing_token(SID) == TOKEN

    asyncio.run(main())


def test_another_master_key_is_refused(database_url: str) -> None:
    async def main() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            await node_accounts(database).start()
            with pytest.raises(BadMasterKey):
                await node_accounts(database, b"o" * 32).check_master_key()

    asyncio.run(main())
