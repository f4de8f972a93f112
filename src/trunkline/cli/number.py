"""``trunkline number``: the operator's inventory of numbers, from which accounts buy."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
import typer

from trunkline.cli.database import with_database
from trunkline.cli.errors import fail
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs, print_table
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts.facade import UnknownAccount
from trunkline.products.accounts.store import find_account
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number, Taken
from trunkline.products.messaging.numbers.kinds import Kind, abilities_of, country_of, kind_of
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.numbers.places import place_of
from trunkline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Keep the numbers that accounts can buy, and say whose they are."
)

MILLI = 1000
"""Rates are kept in thousandths of a segment a second."""

_COUNTRY = re.compile(r"[A-Z]{2}")

Address = Annotated[
    str, typer.Argument(metavar="NUMBER", help="+15005550006, a short code, or whatsapp:+15005550006.")
]
Able = bool | None


class NumberMissing(Exception):
    """The number is not in the inventory."""


class NumberExists(Exception):
    """The number is in the inventory already."""


@app.command("add")
@with_settings(*DATA)
def add(
    settings: Settings,
    number: Address,
    country: Annotated[str, typer.Option(help="ISO code of its country; the number tells.")] = "",
    kind: Annotated[Kind | None, typer.Option(help="What it is; the number tells.")] = None,
    sms: Annotated[Able, typer.Option("--sms/--no-sms", help="Whether it can do SMS.")] = None,
    mms: Annotated[Able, typer.Option("--mms/--no-mms", help="Whether it can do MMS.")] = None,
    voice: Annotated[Able, typer.Option("--voice/--no-voice", help="Whether it can do calls.")] = None,
    carrier: Annotated[str, typer.Option(help="Its carrier; the routes decide if none is named.")] = "",
    rate: Annotated[
        float, typer.Option(min=0, max=100_000, help="Segments a second; 0 for the default of its kind.")
    ] = 0,
    account: Annotated[str, typer.Option(metavar="SID", help="Give it to this account at once.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put a number into the inventory."""
    made = _guessed(number, kind, country.upper())
    made = _replaced(made, sms=sms, mms=mms, voice=voice, carrier=carrier, rate=round(rate * MILLI))
    try:
        added = with_database(settings, lambda database, _: _add(database, made, account))
    except NumberExists:
        raise fail(f"{made.number} is in the inventory already") from None
    _show(added, as_json)


@app.command("list")
@with_settings(*DATA)
def show_all(
    settings: Settings,
    account: Annotated[str, typer.Option(metavar="SID", help="Only what this account has.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the inventory: what can be bought, and what accounts have."""

    async def read(database: Database) -> list[Number]:
        return await database.scan(lambda tx: inventory.all_numbers(tx, account))

    found = with_database(settings, lambda database, _: read(database))
    if as_json:
        print_json([_described(number) for number in found])
        return
    rows = [
        (
            number.number,
            number.kind,
            number.country,
            _abilities(number),
            _rate(number),
            number.carrier or "by the routes",
            number.account_sid or "",
            number.sid or "",
        )
        for number in found
    ]
    print_table(("NUMBER", "KIND", "COUNTRY", "CAN DO", "RATE", "CARRIER", "ACCOUNT", "SID"), rows)


@app.command("assign")
@with_settings(*DATA)
def assign(
    settings: Settings,
    number: Address,
    account: Annotated[
        str, typer.Option(metavar="SID", help="The account; without one it is nobody's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Give a number to an account, under a new SID, or take it back; it leaves the pool that it is in."""
    address = _address(number)
    try:
        _show(with_database(settings, lambda database, _: _assign(database, address, account)), as_json)
    except NumberMissing:
        raise fail(f"{address} is not in the inventory") from None


@app.command("remove")
@with_settings(*DATA)
def remove(settings: Settings, number: Address) -> None:
    """Take a number out of the inventory, and from the account that has it."""
    address = _address(number)

    async def drop(database: Database) -> bool:
        return await database.write(lambda tx: inventory.remove(tx, address))

    if not with_database(settings, lambda database, _: drop(database)):
        raise fail(f"{address} is not in the inventory")


def _address(text: str) -> str:
    found = parse_recipient(text)
    if found is None:
        raise fail(f"{text} is no number, no short code and no address of another channel")
    return found.address


def _guessed(text: str, kind: Kind | None, country: str) -> Number:
    """Return a number with the likely values of its options."""
    found = parse_recipient(text)
    if found is None:
        raise fail(f"{text} is no number, no short code and no address of another channel")
    if country and not _COUNTRY.fullmatch(country):
        raise fail("--country must be the two letters of a country")
    likely = kind_of(found)
    if kind is not None and kind.prefix != likely.prefix:
        raise fail(f"{found.address} cannot be a {kind.value} number")
    chosen, home = kind or likely, country or country_of(found)
    able, place = abilities_of(chosen, home), place_of(found.address)
    return Number(
        found.address,
        chosen.value,
        home,
        sms=able.sms,
        mms=able.mms,
        voice=able.voice,
        locality=place.city.title(),
        region=place.state,
    )


def _replaced(number: Number, **changes: Any) -> Number:
    return msgspec.structs.replace(
        number, **{name: value for name, value in changes.items() if value is not None}
    )


async def _add(database: Database, number: Number, account_sid: str) -> Number:
    async def put(tx: Tx) -> Number:
        if not await inventory.add(tx, number):
            raise NumberExists(number.number)
        return await _give(tx, number.number, number.kind, account_sid)

    return await database.write(put)


async def _assign(database: Database, address: str, account_sid: str) -> Number:
    async def change(tx: Tx) -> Number:
        found = await inventory.find_number(tx, address)
        if found is None:
            raise NumberMissing(address)
        if account_sid and found.account_sid == account_sid:
            return found
        if found.account_sid is not None and found.sid is not None:
            await inventory.release(tx, found.account_sid, found.sid)
        return await _give(tx, address, found.kind, account_sid)

    try:
        return await database.write(change)
    except Taken:
        raise fail(f"{address} was bought just now; try again") from None


async def _give(tx: Tx, address: str, kind: str, account_sid: str) -> Number:
    if account_sid:
        if await find_account(tx, account_sid) is None:
            raise UnknownAccount(account_sid)
        return await inventory.assign(tx, address, kind, account_sid)
    found = await inventory.find_number(tx, address)
    assert found is not None
    return found


def _abilities(number: Number) -> str:
    able = (("SMS", number.sms), ("MMS", number.mms), ("voice", number.voice))
    return ", ".join(name for name, can in able if can)


def _rate(number: Number) -> str:
    return f"{number.rate / MILLI:g}/s" if number.rate else "default"


def _described(number: Number) -> dict[str, Any]:
    return {
        "number": number.number,
        "kind": number.kind,
        "country": number.country,
        "sms": number.sms,
        "mms": number.mms,
        "voice": number.voice,
        "carrier": number.carrier,
        "rate": number.rate / MILLI,
        "account_sid": number.account_sid,
        "sid": number.sid,
    }


def _show(number: Number, as_json: bool) -> None:
    if as_json:
        print_json(_described(number))
        return
    print_pairs(
        {
            "Number": number.number,
            "Kind": number.kind,
            "Country": number.country or "none",
            "Can do": _abilities(number),
            "Rate": _rate(number),
            "Carrier": number.carrier or "by the routes",
            "Account SID": number.account_sid or "nobody's",
            "SID": number.sid or "none",
        }
    )
