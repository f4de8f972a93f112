"""Access tokens against stored keys, accounts and Services, as the SDKs make them, on each engine."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant, SyncGrant

from clients.old_sdk import old_python
from contract import require_node
from engines import Engine, opened
from trunkline.api.principal import Credential, CredentialRevoked
from trunkline.core.access_tokens import Grant, GrantClaim, InvalidToken, Rule
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, NeedsWrite, Tx
from trunkline.products import accounts
from trunkline.products.accounts.store import (
    change_account,
    delete_key,
    insert_account,
    insert_key,
)
from trunkline.products.accounts.token_issuers import TokenVerifier, dead_keys, sign_token

MIGRATIONS = accounts.MIGRATIONS
SYNC, CHAT, NOTIFY, OTHER, DEFAULT = ("IS" + digit * 32 for digit in "12345")
NOW = 1_735_689_600
MAIN, SUB, STRANGER = ("AC" + digit * 32 for digit in "abc")


class World:
    """Accounts, a key of each kind, and Services of several products. Time stands still unless a test moves it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault
        self.made_default = False
        self.keys: dict[str, tuple[str, str]] = {}
        finders = {
            "data_sync": self._sync,
            "chat": self._one(CHAT),
            "notify": self._one(NOTIFY),
        }
        self.verifier = TokenVerifier(database, vault, finders)

    async def fill(self, tx: Tx) -> None:
        """Make what every test starts with."""
        for sid, owner in ((MAIN, MAIN), (SUB, MAIN), (STRANGER, STRANGER)):
            await insert_account(tx, self.vault, "x", owner=owner, sid=sid)
        for name, account, kind in (
            ("standard", MAIN, Credential.STANDARD_KEY),
            ("main", MAIN, Credential.MAIN_KEY),
            ("restricted", MAIN, Credential.RESTRICTED_KEY),
            ("sub", SUB, Credential.STANDARD_KEY),
            ("stranger", STRANGER, Credential.STANDARD_KEY),
        ):
            policy = '{"allow":[]}' if kind is Credential.RESTRICTED_KEY else None
            key, secret = await insert_key(tx, self.vault, account, name, kind=kind, policy=policy)
            self.keys[name] = key.sid, secret

    async def _sync(self, tx: Tx, account_sid: str, name: str) -> str | None:
        if name == "default":
            self.made_default |= tx.writable
            if not self.made_default:
                raise NeedsWrite
            return DEFAULT
        return SYNC if (account_sid, name) in ((MAIN, SYNC), (SUB, SYNC)) else None

    def _one(self, sid: str) -> Callable[[Tx, str, str], Awaitable[str | None]]:
        async def find(tx: Tx, account_sid: str, name: str) -> str | None:
            return sid if (account_sid, name) == (MAIN, sid) else None

        return find

    def token(self, *grants: Any, key: str = "standard", account: str = MAIN, **options: Any) -> str:
        """Return a token that the SDK made."""
        options = {"identity": "alice", "nbf": NOW, "valid_until": NOW + 3600, **options}
        sid, secret = self.keys[key]
        text = AccessToken(account, sid, options.pop("secret", secret), list(grants), **options).to_jwt()
        assert isinstance(text, str)
        return text

    async def verify(self, token: str, product: str = "data_sync") -> Grant:
        """Return the verifier's outcome."""
        return await self.verifier.verify(token, product)

    async def broken(self, token: str, product: str = "data_sync") -> Rule:
        """Return the rule that is broken, by the verifier."""
        with pytest.raises(InvalidToken) as caught:
            await self.verify(token, product)
        return caught.value.rule


@pytest.fixture
def in_world(engine: Engine, tmp_path: Path) -> Callable[..., Any]:
    """Run a scenario in a new world."""

    def run(
        scenario: Callable[[World], Awaitable[Any]], clock: Callable[[], int] = lambda: NOW * SECOND
    ) -> Any:
        async def work() -> Any:
            url = engine.migrated_url(tmp_path, MIGRATIONS)
            async with opened(url, MIGRATIONS, clock) as database:
                world = World(database, Vault(b"k" * 32))
                await database.write(world.fill)
                return await scenario(world)

        return asyncio.run(work())

    return run


Run = Callable[..., Any]


def test_a_good_token_tells_all_that_it_allows(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        token = world.token(SyncGrant(SYNC, "tab"), ChatGrant(CHAT, "phone", "RL1", "CR1"), key="main")
        chat = GrantClaim(CHAT, "phone", "RL1", "CR1")
        expected = Grant(
            account_sid=MAIN,
            services={"data_sync": SYNC, "chat": CHAT, "ip_messaging": CHAT},
            identity="alice",
            key_sid=world.keys["main"][0],
            expires_at=(NOW + 3600) * SECOND,
            claims={"data_sync": GrantClaim(SYNC, "tab"), "chat": chat, "ip_messaging": chat},
            owner_sid=MAIN,
        )
        for product in ("data_sync", "chat", "ip_messaging"):
            assert await world.verify(token, product) == expected

    in_world(scenario)


def test_a_token_of_a_subaccount_is_for_the_subaccount(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        grant = await world.verify(world.token(SyncGrant(SYNC), key="sub", account=SUB))
        assert (grant.account_sid, grant.services) == (SUB, {"data_sync": SYNC})

    in_world(scenario)


def test_the_default_service_appears_with_its_first_token(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        token = world.token(SyncGrant("default"))
        assert (await world.verify(token)).services == {"data_sync": DEFAULT}
        assert world.made_default
        assert (await world.verify(token)).claims == {"data_sync": GrantClaim("default")}

    in_world(scenario)


def test_a_service_that_is_gone_does_not_close_the_other_product(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        token = world.token(SyncGrant(SYNC), ChatGrant(OTHER))
        assert (await world.verify(token)).services == {"data_sync": SYNC}
        assert await world.broken(token, "chat") is Rule.SERVICE

    in_world(scenario)


BROKEN: dict[str, tuple[Callable[[World], str], Rule]] = {
    "no token": (lambda world: "x", Rule.FORM),
    "another content type": (
        lambda world: jwt.encode(
            {"iss": world.keys["standard"][0], "sub": MAIN}, world.keys["standard"][1], headers={"cty": "x"}
        ),
        Rule.HEADER,
    ),
    "an unknown key": (
        lambda world: AccessToken(MAIN, "SK" + "0" * 32, "x" * 32, [SyncGrant(SYNC)], identity="a").to_jwt(),
        Rule.ISSUER,
    ),
    "a restricted key": (lambda world: world.token(SyncGrant(SYNC), key="restricted"), Rule.ISSUER),
    "a key of another account": (lambda world: world.token(SyncGrant(SYNC), key="stranger"), Rule.ISSUER),
    "a key of a subaccount": (lambda world: world.token(SyncGrant(SYNC), key="sub"), Rule.ISSUER),
    "a subaccount for the parent's key": (
        lambda world: world.token(SyncGrant(SYNC), account=SUB),
        Rule.ISSUER,
    ),
    "another secret": (lambda world: world.token(SyncGrant(SYNC), secret="x" * 32), Rule.SIGNATURE),
    "the key's SID as secret": (
        lambda world: world.token(SyncGrant(SYNC), secret=world.keys["standard"][0]),
        Rule.SIGNATURE,
    ),
    "its time is over": (lambda world: world.token(SyncGrant(SYNC), valid_until=NOW - 1), Rule.EXPIRY),
    "over a day": (lambda world: world.token(SyncGrant(SYNC), valid_until=NOW + 86_401), Rule.LIFETIME),
    "not yet": (lambda world: world.token(SyncGrant(SYNC), nbf=NOW + 61), Rule.NOT_BEFORE),
    "no grant": (lambda world: world.token(), Rule.GRANTS),
    "no grant of the product": (lambda world: world.token(ChatGrant(CHAT)), Rule.GRANTS),
    "no service": (lambda world: world.token(SyncGrant()), Rule.GRANTS),
    "no identity": (lambda world: world.token(SyncGrant(SYNC), identity=None), Rule.GRANTS),
    "a long identity": (lambda world: world.token(SyncGrant(SYNC), identity="a" * 257), Rule.GRANTS),
    "an unknown service": (lambda world: world.token(SyncGrant(OTHER)), Rule.SERVICE),
    "a name that is not default": (lambda world: world.token(SyncGrant("mine")), Rule.SERVICE),
    "a service of another account": (
        lambda world: world.token(SyncGrant(SYNC), key="stranger", account=STRANGER),
        Rule.SERVICE,
    ),
    "a service of Chat": (lambda world: world.token(SyncGrant(CHAT)), Rule.PRODUCT),
    "a service of a product without grants": (lambda world: world.token(SyncGrant(NOTIFY)), Rule.PRODUCT),
    # Several rules at once: the first one counts.
    "an unknown service, over": (lambda world: world.token(SyncGrant(OTHER), valid_until=NOW), Rule.EXPIRY),
    "no grant, another secret": (lambda world: world.token(secret="x" * 32), Rule.SIGNATURE),
    "restricted, another secret": (lambda world: world.token(key="restricted", secret="x" * 32), Rule.ISSUER),
    "no grant, not yet": (lambda world: world.token(nbf=NOW + 61), Rule.NOT_BEFORE),
    "an unknown service, no identity": (
        lambda world: world.token(SyncGrant(OTHER), identity=None),
        Rule.GRANTS,
    ),
}


def test_every_rule_has_its_code(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        found = {name: await world.broken(make(world)) for name, (make, _) in BROKEN.items()}
        assert found == {name: rule for name, (_, rule) in BROKEN.items()}

    assert {rule for _, rule in BROKEN.values()} == set(Rule)
    in_world(scenario)


def test_default_is_no_service_of_chat_and_notify_no_product(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        assert await world.broken(world.token(ChatGrant("default")), "chat") is Rule.SERVICE
        for product in ("notify", "identity", ""):
            assert await world.broken(world.token(SyncGrant(SYNC)), product) is Rule.GRANTS

    in_world(scenario)


def test_a_refusal_is_logged_without_the_token(in_world: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(world: World) -> str:
        token = world.token(SyncGrant(SYNC), valid_until=NOW - 1)
        for _ in range(20):
            await world.broken(token)
            await world.broken("no.token.")
        return token

    with caplog.at_level(logging.INFO, "trunkline.tokens"):
        token = in_world(scenario)
    assert len(caplog.records) == 2, "one for each rule"
    assert "20104 Access Token expired or expiration date invalid: exp is over" in caplog.text
    assert not any(part in caplog.text for part in token.split("."))


@pytest.mark.parametrize("status", ["suspended", "closed"])
@pytest.mark.parametrize("account", [MAIN, SUB])
def test_an_account_that_is_not_active_takes_its_tokens_with_it(
    in_world: Run, account: str, status: str
) -> None:
    async def scenario(world: World) -> None:
        received: list[list[Any]] = []
        world.database.listen(received.append)
        tokens = {
            MAIN: world.token(SyncGrant(SYNC)),
            SUB: world.token(SyncGrant(SYNC), key="sub", account=SUB),
        }
        ended = {MAIN: {MAIN, SUB}, SUB: {SUB}}[account]
        grants = {sid: await world.verify(token) for sid, token in tokens.items()}
        await world.database.write(lambda tx: change_account(tx, account, {"friendly_name": "y"}))
        assert not [event for events in received for event in events]
        await world.database.write(lambda tx: change_account(tx, account, {"status": status}))
        [revoked] = [event for events in received for event in events]
        assert revoked == CredentialRevoked(account)
        assert {sid for sid, grant in grants.items() if revoked.ends(grant)} == ended
        for owner, token in tokens.items():
            if owner in ended:
                assert await world.broken(token) is Rule.ISSUER
            else:
                await world.verify(token)
        keys = {MAIN: world.keys["standard"][0], SUB: world.keys["sub"][0]}
        assert await _dead(world, *keys.values()) == {keys[sid] for sid in ended}
        received.clear()
        await world.database.write(lambda tx: change_account(tx, account, {"status": "active"}))
        assert not [event for events in received for event in events]
        for token in tokens.values():
            await world.verify(token)
        assert await _dead(world, *keys.values()) == set()

    in_world(scenario)


async def _dead(world: World, *keys: str) -> set[str]:
    return await world.database.read(lambda tx: dead_keys(tx, keys))


def test_a_deleted_key_takes_its_tokens_with_it(in_world: Run) -> None:
    async def scenario(world: World) -> None:
        received: list[list[Any]] = []
        world.database.listen(received.append)
        token, other = world.token(SyncGrant(SYNC)), world.token(SyncGrant(SYNC), key="main")
        key = world.keys["standard"][0]
        assert not await world.database.write(lambda tx: delete_key(tx, STRANGER, key))
        assert not [event for events in received for event in events]
        await world.verify(token)
        assert await world.database.write(lambda tx: delete_key(tx, MAIN, key))
        assert [event for events in received for event in events] == [CredentialRevoked(MAIN, key)]
        assert await world.broken(token) is Rule.ISSUER
        await world.verify(other)
        assert await _dead(world, key, world.keys["main"][0]) == {key}
        assert await _dead(world, world.keys["restricted"][0]) == {world.keys["restricted"][0]}

    in_world(scenario)


def test_a_signed_token_is_good_for_its_time(in_world: Run) -> None:
    now = [NOW * SECOND]

    async def scenario(world: World) -> None:
        grants = {"identity": "bob", "data_sync": {"service_sid": SYNC}}

        async def sign(tx: Tx, name: str = "sub") -> str:
            return await sign_token(tx, world.vault, world.keys[name][0], grants, 60)

        token = await world.database.read(sign)
        grant = await world.verify(token)
        assert (grant.account_sid, grant.identity, grant.key_sid) == (SUB, "bob", world.keys["sub"][0])
        assert grant.expires_at == now[0] + 60 * SECOND
        now[0] += 60 * SECOND
        assert await world.broken(token) is Rule.EXPIRY
        with pytest.raises(InvalidToken) as caught:
            await world.database.read(lambda tx: sign(tx, "restricted"))
        assert caught.value.rule is Rule.ISSUER

    in_world(scenario, lambda: now[0])


PYTHON_6_10 = """
import sys
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import IpMessagingGrant, SyncGrant
account, key, secret, sync, chat = sys.argv[1:]
grants = [SyncGrant(service_sid=sync), IpMessagingGrant(service_sid=chat, endpoint_id="phone")]
token = AccessToken(account, key, secret, grants=grants, identity="alice").to_jwt()
print(token.decode() if isinstance(token, bytes) else token)
"""

NODE = """
const { AccessToken } = require(process.argv[1] + "/twilio").jwt;
const [algorithm, account, key, secret, sync, chat] = process.argv.slice(2);
const token = new AccessToken(account, key, secret, { identity: "alice", ttl: 3600, region: "ie1" });
token.addGrant(new AccessToken.SyncGrant({ serviceSid: sync }));
token.addGrant(new AccessToken.ChatGrant({ serviceSid: chat, endpointId: "phone" }));
console.log(token.toJwt(algorithm));
"""


@pytest.mark.parametrize("sdk", ["python", "python-6.10", "node-HS256", "node-HS384", "node-HS512"])
def test_tokens_of_every_sdk_are_accepted(in_world: Run, sdk: str) -> None:
    async def scenario(world: World) -> None:
        values = (MAIN, *world.keys["standard"], SYNC, CHAT)
        token = await asyncio.to_thread(_made_by, sdk, values)
        for product in ("data_sync", "chat", "ip_messaging"):
            grant = await world.verify(token, product)
            assert grant.services == {"data_sync": SYNC, "chat": CHAT, "ip_messaging": CHAT}
            assert (grant.identity, grant.claims["ip_messaging"].endpoint_id) == ("alice", "phone")

    in_world(scenario, system_clock)


def _made_by(sdk: str, values: tuple[str, ...]) -> str:
    if sdk == "python":
        account, key, secret, sync, chat = values
        grants = [SyncGrant(sync), ChatGrant(chat, "phone")]
        return str(AccessToken(account, key, secret, grants, identity="alice").to_jwt())
    if sdk == "python-6.10":
        command = [str(old_python()), "-c", PYTHON_6_10]
    else:
        command = ["node", "-e", NODE, str(require_node()), sdk.removeprefix("node-")]
    return subprocess.run([*command, *values], capture_output=True, text=True, check=True).stdout.strip()
