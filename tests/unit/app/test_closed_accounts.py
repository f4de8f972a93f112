"""An account that was closed and emptied: its row keeps its SID from being made anew, and holds no secret."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engines import Engine
from trunkline.api.errors import ApiError
from trunkline.api.principal import OPERATOR, Principal
from trunkline.core.host_alerts import record_apart
from trunkline.core.secrets import BadMasterKey, Vault
from trunkline.core.storage.database import Tx
from trunkline.core.storage.removal import ROWS
from trunkline.core.storage.retention import DAY
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.accounts import facade
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.facade import AccountClosed, AccountStatus
from trunkline.products.accounts.node_accounts import NodeAccounts
from trunkline.products.accounts.retention import ClosedAccounts
from trunkline.settings.accounts import AccountSettings
from unit.app.test_retention import ACCOUNT, OTHER, World, insert, on, sids

VAULT = Vault(bytes(range(32)))
SID, TOKEN = "AC" + "5" * 32, "7" * 32


def node(world: World) -> NodeAccounts:
    return NodeAccounts(AccountSettings(account_sid=SID, auth_token=TOKEN), world.database, VAULT, {})


async def empty_account(world: World, sid: str = SID) -> None:
    """Close an account and let its days pass."""
    await facade.change_status(world.database, sid, AccountStatus.CLOSED)
    world.clock.go(30 * DAY + 1)
    await world.sweeper.sweep(lambda limit: isinstance(limit, ClosedAccounts))


async def make_emptied_account(world: World) -> None:
    """Let the first account be one that was closed and emptied, and the only one."""
    await world.run("DELETE FROM accounts")
    await facade.first_account(world.database, VAULT, SID, TOKEN)
    await empty_account(world)


async def log_in(world: World, password: str) -> Principal | None:
    directory = AccountDirectory(VAULT)
    return await world.database.read(lambda tx: directory.authenticate(tx, SID, password))


def test_a_closed_account_does_not_come_back_with_its_old_token(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        await world.run("DELETE FROM accounts")
        await node(world).start()
        world.clock.go(1)
        customer = await facade.create_main_account(world.database, VAULT, "a customer")
        assert await log_in(world, TOKEN) is not None
        await empty_account(world)
        again = node(world)
        await again.start()
        assert (again.first.account.status, again.first.auth_token, again.first.created) == (
            "closed",
            "",
            False,
        )
        for password in (TOKEN, ""):
            assert await log_in(world, password) is None
        assert await world.value("SELECT length(auth_token) FROM accounts WHERE sid = :sid", sid=SID) == 0
        # The operator's alerts do not move on to a customer.
        assert await world.database.read(facade.oldest_account) == SID
        await record_apart(world.database, again.record_host_alert, "a text")
        assert await world.value("SELECT account_sid FROM alerts") == SID != customer.account.sid

    on(engine, tmp_path, check)


def test_nothing_is_made_below_an_emptied_account(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        await make_emptied_account(world)
        database = world.database
        with pytest.raises(AccountClosed):
            await facade.find_credentials(database, VAULT, "")
        with pytest.raises(AccountClosed):
            await facade.rotate_token(database, VAULT, SID)
        with pytest.raises(AccountClosed):
            await facade.test_credentials(database, VAULT, SID)
        with pytest.raises(AccountClosed):
            await facade.create_key(database, VAULT, SID, "", main=True)
        with pytest.raises(AccountClosed):
            await facade.change_status(database, SID, AccountStatus.ACTIVE)
        assert [one.sid for one in await facade.all_accounts(database)] == [SID]

        async def reach(tx: Tx) -> Principal | None:
            return await AccountDirectory(VAULT).reach(tx, OPERATOR, SID)

        with pytest.raises(ApiError) as refused:
            await database.read(reach)
        assert refused.value.code == 20005

    on(engine, tmp_path, check)


def test_the_master_key_is_checked_by_an_account_that_has_a_secret(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        await make_emptied_account(world)
        await facade.check_master_key(world.database, Vault(bytes(32)))
        await facade.create_main_account(world.database, VAULT, "a customer")
        await facade.check_master_key(world.database, VAULT)
        with pytest.raises(BadMasterKey):
            await facade.check_master_key(world.database, Vault(bytes(32)))

    on(engine, tmp_path, check)


def test_an_emptied_account_is_not_looked_at_again(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        await make_emptied_account(world)
        world.removed.clear()
        world.clock.go(DAY)
        await world.sweeper.sweep(lambda limit: isinstance(limit, ClosedAccounts))
        assert not world.removed

    on(engine, tmp_path, check)


def test_the_dead_jobs_of_a_closed_account_go_with_it(engine: Engine, tmp_path: Path) -> None:
    async def enqueue(tx: Tx) -> None:
        for sid in (ACCOUNT, OTHER):
            await enqueue_webhook(tx, Webhook(sid, "http://a.example/", parameters=(("Body", "a text"),)))
        await tx.run("UPDATE jobs SET state = 'dead'")
        await enqueue_webhook(tx, Webhook(ACCOUNT, "http://a.example/"))

    async def check(world: World) -> None:
        await world.database.write(enqueue)
        await empty_account(world, ACCOUNT)
        assert world.removed["jobs"] == 1
        assert await sids(world, "jobs", column="account_sid || state") == {ACCOUNT + "ready", OTHER + "dead"}

    on(engine, tmp_path, check)


def test_a_piece_counts_what_goes_with_a_message_of_a_closed_account(engine: Engine, tmp_path: Path) -> None:
    below = ("message_parts", "message_feedback", "message_queue", "message_media", "media_links", "blobs")

    async def fill(tx: Tx) -> None:
        for number in range(20):
            sid, of = f"SM{number}", {"message_sid": f"SM{number}"}
            await insert(tx, "messages", {"sid": sid, "account_sid": ACCOUNT, "num_media": 10})
            await insert(tx, "message_feedback", of)
            await insert(tx, "message_queue", of)
            for part in range(30):
                await insert(tx, "message_parts", {**of, "part": part})
            for medium in range(10):
                key = f"{sid}-{medium}"
                await insert(tx, "blobs", {"key": key})
                await insert(tx, "message_media", {**of, "sid": key, "account_sid": ACCOUNT, "blob": key})
                await insert(tx, "media_links", {"code": key, "media_sid": key})

    async def check(world: World) -> None:
        await world.database.write(fill)
        await world.run(
            "UPDATE accounts SET status = 'closed', date_updated = 0 WHERE sid = :sid", sid=ACCOUNT
        )
        counts = [await rows(world)]
        write = world.database.write

        async def counting(action: Any) -> Any:
            result = await write(action)
            counts.append(await rows(world))
            return result

        world.database.write = counting  # type: ignore[method-assign]
        await world.sweeper.sweep(lambda limit: isinstance(limit, ClosedAccounts))
        assert counts[-1] == 0
        assert max(before - after for before, after in pairwise(counts)) <= ROWS

    async def rows(world: World) -> int:
        return sum([await world.rows(table) for table in ("messages", *below)])

    on(engine, tmp_path, check)
