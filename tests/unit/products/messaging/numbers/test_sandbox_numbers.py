"""The fictional numbers of a server without a carrier: valid, distinct, and stocked once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engines import Engine, opened
from trunkline.core.blobs import store as blobs
from trunkline.core.storage.database import Tx
from trunkline.products import accounts, messaging
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.number_types import NumberType, country_of, type_of
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.numbers.sandbox_numbers import OWNED, RANGES, Range, stock_sandbox

MIGRATIONS = (*accounts.MIGRATIONS, *blobs.MIGRATIONS, *messaging.MIGRATIONS)
OWNER = "AC" + "1" * 32


@pytest.mark.parametrize("numbers", RANGES, ids=lambda numbers: numbers.start)
def test_every_number_is_what_it_says(numbers: Range) -> None:
    assert len(str(numbers.first)) == len(str(numbers.last))
    for ending in range(numbers.first, numbers.last + 1):
        read = parse_recipient(f"{numbers.start}{ending}")
        assert read is not None
        assert (read.address, read.valid) == (f"{numbers.start}{ending}", True)
        assert (type_of(read), read.region) == (numbers.kind, numbers.country)


def test_ranges_do_not_overlap() -> None:
    found = [f"{one.start}{ending}" for one in RANGES for ending in range(one.first, one.last + 1)]
    assert len(set(found)) == len(found)


def test_the_other_addresses_are_read_as_they_are_written() -> None:
    for number in OWNED:
        read = parse_recipient(number.number)
        assert read is not None
        assert (read.address, type_of(read)) == (number.number, number.kind)
        if number.kind is NumberType.CHANNEL:
            assert country_of(read) == number.country


def test_an_empty_inventory_is_filled_once(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(engine.migrated_url(tmp_path, MIGRATIONS), MIGRATIONS) as database:

            async def account(tx: Tx) -> None:
                await tx.run(
                    "INSERT INTO accounts VALUES (:sid, :sid, 'x', 'active', :auth_token, :now, :now)",
                    sid=OWNER,
                    auth_token=b"",
                    now=tx.now,
                )

            async def everything(tx: Tx) -> list[Number]:
                return await inventory.page_inventory(tx, None, "", 100_000)

            await database.write(account)
            await stock_sandbox(database)
            stocked = await database.read(everything)
            assert len(stocked) == len(OWNED) + sum(one.last - one.first + 1 for one in RANGES)
            owned = {one.number: one.sid for one in stocked if one.account_sid == OWNER}
            assert owned.keys() == {one.number for one in OWNED}
            one = next(number for number in stocked if number.number == "+12125550110")
            assert (one.kind, one.locality, one.region) == ("local", "New York", "NY")
            assert (one.sms, one.mms, one.voice) == (True, True, True)
            for number in stocked[1:]:
                await database.write(lambda tx, number=number: inventory.remove_number(tx, number.number))
            await stock_sandbox(database)
            assert await database.read(everything) == stocked[:1]

    asyncio.run(scenario())


@pytest.mark.parametrize("closed", [False, True])
def test_without_an_active_account_nobody_has_anything(engine: Engine, tmp_path: Path, closed: bool) -> None:
    async def scenario() -> None:
        async with opened(engine.migrated_url(tmp_path, MIGRATIONS), MIGRATIONS) as database:
            if closed:
                await database.write(
                    lambda tx: tx.run(
                        "INSERT INTO accounts VALUES ('AC', 'AC', '', 'closed', :nothing, 0, 0)", nothing=b""
                    )
                )
            await stock_sandbox(database)
            stocked = await database.read(lambda tx: inventory.page_inventory(tx, None, "", 100_000))
            assert {one.account_sid for one in stocked} == {None}

    asyncio.run(scenario())
