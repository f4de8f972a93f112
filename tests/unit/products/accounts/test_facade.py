"""The operator's commands on accounts and keys, on each storage engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engines import opened
from trunkline.api.principal import Credential, Principal
from trunkline.core.secrets import BadMasterKey, Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts import facade
from trunkline.products.accounts.auth_tokens import SecondaryToken
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.schema import MIGRATIONS
from trunkline.products.accounts.store import token_label

VAULT = Vault(bytes(range(32)))
SID, TOKEN = "AC" + "5" * 32, "7" * 32

Scenario = Callable[[Database], Awaitable[None]]


def play(url: str, scenario: Scenario) -> None:
    async def main() -> None:
        async with opened(url, MIGRATIONS) as database:
            await scenario(database)

    asyncio.run(main())


async def log_in(database: Database, username: str, password: str) -> Principal | None:
    async def find(tx: Tx) -> Principal | None:
        return await AccountDirectory(VAULT).authenticate(tx, username, password)

    return await database.read(find)


def test_the_first_account_is_made_once(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        made = await facade.first_account(database, VAULT, "", "")
        assert made.created
        assert made.account.owner_account_sid == made.account.sid
        again = await facade.first_account(database, VAULT, "", "other")
        assert (again.account.sid, again.auth_token, again.created) == (
            made.account.sid,
            made.auth_token,
            False,
        )
        assert await facade.all_accounts(database) == [made.account]

    play(database_url, scenario)


def test_several_nodes_that_start_at_once_make_one_first_account(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        starts = [facade.first_account(database, VAULT, "", "") for _ in range(5)]
        found = await asyncio.gather(*starts)
        assert sum(one.created for one in found) == 1
        assert len({one.auth_token for one in found}) == 1

    play(database_url, scenario)


def test_a_given_account_is_made_with_its_token_and_then_keeps_its_own(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        other = await facade.first_account(database, VAULT, "", "")
        made = await facade.first_account(database, VAULT, SID, TOKEN)
        assert (made.account.sid, made.auth_token, made.created) == (SID, TOKEN, True)
        again = await facade.first_account(database, VAULT, SID, "another")
        assert (again.auth_token, again.created) == (TOKEN, False)
        assert {account.sid for account in await facade.all_accounts(database)} == {SID, other.account.sid}
        assert await log_in(database, SID, TOKEN) == Principal(SID, SID, Credential.AUTH_TOKEN, parent=True)

    play(database_url, scenario)


def test_another_master_key_is_noticed(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        await facade.check_master_key(database, Vault(bytes(32)))
        await facade.create_main_account(database, VAULT, "main")
        await facade.check_master_key(database, VAULT)
        with pytest.raises(BadMasterKey):
            await facade.check_master_key(database, Vault(bytes(32)))

    play(database_url, scenario)


def test_a_rotated_token_replaces_the_old_one(database_url: str) -> None:
    async def scenario(database: Database) -> None:
        await facade.first_account(database, VAULT, SID, TOKEN)
        rotated = await facade.rotate_token(database, VAULT, SID)
        assert rotated.auth_token != TOKEN
        assert await log_in(database, SID, TOKEN) is None
        assert await log_in(database, SID, rotated.auth_token) is not None
        with pytest.raises(facade.UnknownAccount):
            await facade.rotate_token(database, VAULT, "AC" + "9" * 32)

    play(database_url, scenario)


def test_a_rotation_ends_a_secondary_token_too(database_url: str) -> None:
    secondary = "6" * 32

    async def add(tx: Tx) -> None:
        sealed = VAULT.seal(token_label(SID), secondary)
        await tx.insert("secondary_auth_tokens", SecondaryToken(SID, sealed, tx.now, tx.now))

    async def scenario(database: Database) -> None:
        await facade.first_account(database, VAULT, SID, TOKEN)
        await database.write(add)
        assert await log_in(database, SID, secondary) is not None
        await facade.rotate_token(database, VAULT, SID)
        assert await log_in(database, SID, secondary) is None

    play(database_url, scenario)


@pytest.mark.parametrize(("main", "kind"), [(True, Credential.MAIN_KEY), (False, Credential.STANDARD_KEY)])
def test_a_key_of_either_kind_is_made(database_url: str, main: bool, kind: Credential) -> None:
    async def scenario(database: Database) -> None:
        await facade.first_account(database, VAULT, SID, TOKEN)
        key, secret = await facade.create_key(database, VAULT, SID, "mine", main=main)
        assert key.friendly_name == "mine"
        assert await log_in(database, key.sid, secret) == Principal(SID, SID, kind, key.sid, parent=True)
        assert await log_in(database, key.sid, TOKEN) is None
        with pytest.raises(facade.UnknownAccount):
            await facade.create_key(database, VAULT, "AC" + "9" * 32, "", main=main)

    play(database_url, scenario)
