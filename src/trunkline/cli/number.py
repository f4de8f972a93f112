"""``trunkline number``: the operator's inventory of numbers, from which accounts buy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trunkline.cli.control_api import run, run_list
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs, print_table
from trunkline.products.messaging.facade import MAX_RATE, NumberType, read_address
from trunkline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Manage the inventory of numbers and their assignment to accounts."
)

Address = Annotated[
    str, typer.Argument(metavar="NUMBER", help="+15005550006, a short code, or whatsapp:+15005550006.")
]
Able = bool | None

ADD_NUMBER = "`trunkline number add +15005550006` adds one, with --account SID for an account"


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
        typer.Option(min=0, max=MAX_RATE, help="Segments a second; 0 for the default of its kind."),
    ] = 0,
    account: Annotated[str, typer.Option(metavar="SID", help="Assign it to this account.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a number to the inventory."""
    parameters = {
        "Number": number,
        "Kind": kind and kind.value,
        "Country": country,
        "Sms": sms,
        "Mms": mms,
        "Voice": voice,
        "Carrier": carrier,
        "Rate": rate,
        "AccountSid": account,
    }
    added = run(settings, "POST", ("numbers",), parameters)
    if carrier and carrier not in settings.messaging.carrier_names:
        typer.echo(
            f"trunkline: no carrier is called {carrier}: the number cannot send until one is configured",
            err=True,
        )
    _show(added, as_json)


@app.command("list")
@with_settings(*DATA)
def show_all(
    settings: Settings,
    account: Annotated[str, typer.Option(metavar="SID", help="Only numbers of this account.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the inventory: numbers for sale, and numbers of accounts."""
    found = run_list(settings, ("numbers",), "numbers", {"AccountSid": account})
    if as_json:
        print_json(found)
        return
    if not found:
        whose = f"{account} has no numbers" if account else "the inventory is empty"
        typer.echo(f"{whose}: {ADD_NUMBER}")
        return
    rows = [
        (
            number["number"],
            number["kind"],
            number["country"],
            _abilities(number),
            _rate(number),
            number["carrier"] or "by the routes",
            number["account_sid"] or "",
            number["sid"] or "",
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
    parameters = {"AccountSid": account}
    _show(run(settings, "POST", ("numbers", number), parameters, _absent(number)), as_json)


@app.command("remove")
@with_settings(*DATA)
def remove(settings: Settings, number: Address) -> None:
    """Remove a number from the inventory, and from the account that has it."""
    run(settings, "DELETE", ("numbers", number), absent=_absent(number))
    typer.echo(f"removed {read_address(number)}")


def _absent(number: str) -> str:
    """Return the message for a number that is not in the inventory."""
    address = read_address(number)
    if address is None:
        return f"{number} is no number, no short code and no address of another channel"
    return f"{address} is not in the inventory"


def _abilities(number: dict[str, Any]) -> str:
    return ", ".join(name for name in ("SMS", "MMS", "voice") if number[name.lower()])


def _rate(number: dict[str, Any]) -> str:
    return f"{number['rate']:g}/s" if number["rate"] else "default"


def _show(number: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(number)
        return
    print_pairs(
        {
            "Number": number["number"],
            "Kind": number["kind"],
            "Country": number["country"] or "none",
            "Can do": _abilities(number),
            "Rate": _rate(number),
            "Carrier": number["carrier"] or "by the routes",
            "Account SID": number["account_sid"] or "nobody's",
            "SID": number["sid"] or "none",
        }
    )
