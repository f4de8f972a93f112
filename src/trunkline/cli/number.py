"""``trunkline number``: the operator's inventory of numbers, from which accounts buy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from trunkline.cli.database import with_database
from trunkline.cli.errors import fail
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs, print_table
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging import facade
from trunkline.products.messaging.facade import (
    BadCountry,
    BadNumber,
    Number,
    NumberExists,
    NumberOptions,
    NumberType,
    NumberUnavailable,
    UnknownNumber,
)
from trunkline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Manage the inventory of numbers and their assignment to accounts."
)

Address = Annotated[
    str, typer.Argument(metavar="NUMBER", help="+15005550006, a short code, or whatsapp:+15005550006.")
]
Able = bool | None


T = TypeVar("T")

PAGE_SIZE = 1000
"""Numbers that are read at once."""


@app.command("add")
@with_settings(*DATA)
def add(
    settings: Settings,
    number: Address,
    country: Annotated[
        str, typer.Option(help="ISO code of its country; by default that of the number.")
    ] = "",
    kind: Annotated[
        NumberType | None, typer.Option(help="Kind of the number; by default the likely one.")
    ] = None,
    sms: Annotated[Able, typer.Option("--sms/--no-sms", help="The number can send and receive SMS.")] = None,
    mms: Annotated[Able, typer.Option("--mms/--no-mms", help="The number can send and receive MMS.")] = None,
    voice: Annotated[
        Able, typer.Option("--voice/--no-voice", help="The number can make and receive calls.")
    ] = None,
    carrier: Annotated[str, typer.Option(help="Its carrier; by default the one of the routes.")] = "",
    rate: Annotated[
        float,
        typer.Option(min=0, max=facade.MAX_RATE, help="Segments a second; 0 for the default of its kind."),
    ] = 0,
    account: Annotated[str, typer.Option(metavar="SID", help="Assign it to this account.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a number to the inventory."""
    options = NumberOptions(
        kind=kind, country=country.upper(), sms=sms, mms=mms, voice=voice, carrier=carrier, rate=rate
    )
    try:
        made = facade.make_number(number, options)
        added = _write(settings, lambda tx: facade.add_number(tx, made, account))
    except BadCountry:
        raise fail("--country must be the two letters of a country") from None
    except BadNumber as error:
        raise fail(str(error)) from None
    except NumberExists:
        raise fail(f"{made.number} is in the inventory already") from None
    _show(added, as_json)


@app.command("list")
@with_settings(*DATA)
def show_all(
    settings: Settings,
    account: Annotated[str, typer.Option(metavar="SID", help="Only numbers of this account.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the inventory: numbers for sale, and numbers of accounts."""

    found = with_database(settings, lambda database, _: _read_pages(database, account or None))
    if as_json:
        print_json([facade.number_entry(number) for number in found])
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
        str, typer.Option(metavar="SID", help="The account; without one the number is released.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Assign a number to an account, under a new SID, or release it; remove it from its pool."""
    address = _address(number)
    try:
        _show(_write(settings, lambda tx: facade.assign_number(tx, address, account)), as_json)
    except UnknownNumber:
        raise fail(f"{address} is not in the inventory") from None
    except NumberUnavailable:
        raise fail(f"{address} was bought just now; try again") from None


@app.command("remove")
@with_settings(*DATA)
def remove(settings: Settings, number: Address) -> None:
    """Remove a number from the inventory, and from the account that has it."""
    address = _address(number)

    if not _write(settings, lambda tx: facade.remove_number(tx, address)):
        raise fail(f"{address} is not in the inventory")


def _write(settings: Settings, action: Callable[[Tx], Awaitable[T]]) -> T:
    return with_database(settings, lambda database, _: database.write(action))


async def _read_pages(database: Database, account_sid: str | None) -> list[Number]:
    """Return all numbers of an account, or of the inventory, page by page."""
    found: list[Number] = []
    after = ""

    async def read(tx: Tx) -> list[Number]:
        return await facade.page_inventory(tx, account_sid, after, PAGE_SIZE)

    while page := await database.scan(read):
        found += page
        after = page[-1].number
    return found


def _address(text: str) -> str:
    try:
        return facade.parse_address(text)
    except BadNumber as error:
        raise fail(str(error)) from None


def _abilities(number: Number) -> str:
    able = (("SMS", number.sms), ("MMS", number.mms), ("voice", number.voice))
    return ", ".join(name for name, can in able if can)


def _rate(number: Number) -> str:
    return f"{number.rate / facade.MILLI:g}/s" if number.rate else "default"


def _show(number: Number, as_json: bool) -> None:
    if as_json:
        print_json(facade.number_entry(number))
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
