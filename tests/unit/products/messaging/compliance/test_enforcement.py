"""Messages that the rules of US carriers stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from engines import opened
from trunkline.core.blobs import store as blobs
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.secrets import Vault
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Database, Tx
from trunkline.products import accounts, messaging
from trunkline.products.accounts.store import insert_account
from trunkline.products.messaging.compliance import brands, campaigns, tollfree
from trunkline.products.messaging.compliance.brands import Brand
from trunkline.products.messaging.compliance.campaigns import Campaign
from trunkline.products.messaging.compliance.enforcement import Enforcement, enforcement_error, registered
from trunkline.products.messaging.compliance.tollfree import Verification
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.services import MessagingService

MIGRATIONS = (*accounts.MIGRATIONS, *blobs.MIGRATIONS, *messaging.MIGRATIONS)
ACCOUNT = "AC" + "1" * 32
SERVICE = "MG" + "1" * 32
LONG_CODE = "+14155550100"
NUMBERS = {
    LONG_CODE: ("local", "US"),
    "+16135550100": ("local", "CA"),
    "+447400123456": ("mobile", "GB"),
    "+18005550100": ("toll-free", "US"),
    "12345": ("short-code", "US"),
}
A2P = Enforcement(a2p=True)
CAPS = Enforcement(a2p=True, caps=True)
TOLLFREE = Enforcement(tollfree=True)
ALL = Enforcement(a2p=True, caps=True, number_minutes=5, tollfree=True)
NONE = Enforcement()


class World:
    """An account with a Service, numbers and perhaps a campaign."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.brand: Brand | None = None

    async def fill(self, tx: Tx) -> None:
        await insert_account(tx, Vault(b"k" * 32), "x", sid=ACCOUNT)
        await tx.insert("messaging_services", MessagingService(SERVICE, ACCOUNT, "s", tx.now, tx.now))
        for number, (kind, country) in NUMBERS.items():
            sid = new_sid("PN")
            await tx.run(
                "INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid)"
                " VALUES (:number, :kind, :country, :yes, :yes, :yes, '', 0, :account_sid, :sid)",
                number=number,
                kind=kind,
                country=country,
                yes=True,
                account_sid=ACCOUNT,
                sid=sid,
            )
            await tx.run(
                "INSERT INTO messaging_senders"
                " (sid, account_sid, service_sid, kind, value, date_created, date_updated)"
                " VALUES (:sid, :account_sid, :service_sid, 'phone_number', :value, :now, :now)",
                sid=sid,
                account_sid=ACCOUNT,
                service_sid=SERVICE,
                value=number,
                now=tx.now,
            )

    async def register(self, status: str = "VERIFIED", usecase: str = "MIXED", **brand: Any) -> Campaign:
        """Give the Service a campaign."""

        async def write(tx: Tx) -> Campaign:
            self.brand = Brand(new_sid("BN"), ACCOUNT, tx.now, tx.now, "BU", "BU", **brand)
            self.brand = msgspec.structs.replace(self.brand, **brands.approval(self.brand))
            await tx.insert("a2p_brands", self.brand)
            made = Campaign(
                sid=new_sid("QE"),
                account_sid=ACCOUNT,
                service_sid=SERVICE,
                brand_sid=self.brand.sid,
                date_created=tx.now,
                date_updated=tx.now,
                usecase=usecase,
                status=status,
                campaign_id="C1",
            )
            await tx.insert("a2p_campaigns", made)
            return made

        return await self._database.write(write)

    async def write(self, change: Callable[[Tx], Awaitable[Any]]) -> None:
        await self._database.write(change)

    async def outcome(
        self,
        enforcement: Enforcement,
        sender: str | None = LONG_CODE,
        country: str = "US",
        service: str | None = SERVICE,
        messages: int = 1,
    ) -> int | None:
        """Return the outcome of the last of so many messages."""

        async def one(tx: Tx) -> int | None:
            owned = await owned_by_account(tx, ACCOUNT, sender) if sender else None
            code = None
            for _ in range(messages):
                code = await enforcement_error(tx, ACCOUNT, service, owned, country, enforcement)
            return code

        return await self._database.write(one)

    async def registered(self) -> bool:
        return await self._database.read(lambda tx: registered(tx, ACCOUNT, SERVICE))


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = system_clock() // (24 * 3600 * SECOND) * 24 * 3600 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += seconds * SECOND


def scenario(database_url: str, body: Callable[[World, Time], Awaitable[None]]) -> None:
    async def run() -> None:
        time = Time()
        async with opened(database_url, MIGRATIONS, time) as database:
            context = World(database)
            await database.write(context.fill)
            await body(context, time)

    asyncio.run(run())


def test_nothing_is_enforced_unless_it_is_switched_on(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        for sender in NUMBERS:
            assert await context.outcome(NONE, sender) is None
        assert await context.outcome(TOLLFREE) is None
        assert await context.outcome(Enforcement(caps=True, number_minutes=5)) is None
        assert await context.outcome(A2P, "+18005550100") is None

    scenario(database_url, body)


def test_us_long_codes_need_a_verified_campaign(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        assert await context.outcome(A2P) == 30034
        assert await context.outcome(A2P, service=None) == 30034
        assert not await context.registered()
        campaign = await context.register("PENDING")
        for status, code in (
            ("PENDING", 30034),
            ("IN_PROGRESS", 30034),
            ("FAILED", 30034),
            ("SUSPENDED", 30033),
            ("VERIFIED", None),
        ):
            await context.write(
                lambda tx, status=status: campaigns.change_campaign(tx, campaign, status=status)
            )
            assert await context.outcome(A2P) == code, status
            assert await context.registered() is (status == "VERIFIED")
        assert await context.outcome(A2P, service=None) == 30034
        brand = context.brand
        assert brand is not None
        await context.write(lambda tx: brands.change_brand(tx, brand, status=brands.SUSPENDED))
        assert await context.outcome(A2P) == 30033

    scenario(database_url, body)


def test_other_senders_and_countries_need_none(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        for sender in ("+16135550100", "+447400123456", "12345", None):
            assert await context.outcome(ALL, sender) is None, sender
        for country in ("CA", "GB", ""):
            assert await context.outcome(ALL, country=country) is None, country

    scenario(database_url, body)


def test_toll_free_numbers_need_a_verification(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        number = "+18005550100"
        for country, code in (("US", 30032), ("CA", 30032), ("GB", None)):
            assert await context.outcome(TOLLFREE, number, country) == code
        verification = Verification(new_sid("HH"), ACCOUNT, time.now, time.now, "PN1", number)
        await context.write(lambda tx: tx.insert("tollfree_verifications", verification))
        assert await context.outcome(TOLLFREE, number) == 30032
        approval = tollfree.approval(verification)
        await context.write(lambda tx: tollfree.change_verification(tx, verification, **approval))
        assert await context.outcome(TOLLFREE, number) is None
        assert await context.outcome(TOLLFREE, number, service=None) is None

    scenario(database_url, body)


def test_a_new_number_waits(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        await context.register()
        young = Enforcement(a2p=True, number_minutes=5)
        assert await context.outcome(A2P) is None
        assert await context.outcome(young) == 30035
        time.advance(299)
        assert await context.outcome(young) == 30035
        time.advance(1)
        assert await context.outcome(young) is None

    scenario(database_url, body)


def test_a_campaign_is_held_to_its_rate(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        await context.register(usecase="LOW_VOLUME")
        assert await context.outcome(CAPS, messages=225) is None
        assert await context.outcome(CAPS) == 30022
        assert await context.outcome(A2P) is None
        time.advance(60)
        assert await context.outcome(CAPS) is None

    scenario(database_url, body)


def test_a_brand_is_held_to_its_day(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        await context.register(skip_automatic_sec_vet=True)
        for _ in range(4):
            assert await context.outcome(CAPS, messages=500) is None
            time.advance(60)
        assert await context.outcome(CAPS) == 30023
        time.advance(24 * 3600)
        assert await context.outcome(CAPS) is None

    scenario(database_url, body)


def test_a_campaign_that_was_registered_elsewhere_has_no_known_caps(database_url: str) -> None:
    async def body(context: World, time: Time) -> None:
        made = await context.register(usecase="LOW_VOLUME")
        await context.write(lambda tx: campaigns.change_campaign(tx, made, brand_sid=None))
        assert await context.outcome(CAPS, messages=300) is None

    scenario(database_url, body)
