"""``trunkline key``: API keys created by the operator, the only source of main keys."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.cli.account import check_name
from trunkline.cli.open_database import with_database
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs
from trunkline.core.dates import iso
from trunkline.products.accounts import facade
from trunkline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Create API keys, while the server runs or not.")


@app.callback()
def keys() -> None:
    """Create API keys, while the server runs or not."""


@app.command("create")
@with_settings(*DATA)
def create(
    settings: Settings,
    account: Annotated[str, typer.Option(metavar="SID", help="The account, AC….")],
    main: Annotated[
        bool, typer.Option("--main", help="Create a main key, which may manage accounts and keys.")
    ] = False,
    name: Annotated[str, typer.Option(help="Its friendly name, up to 64 characters.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create a standard or a main key and print its secret, which is never shown again."""
    check_name(name)
    key, secret = with_database(
        settings, lambda database, vault: facade.create_key(database, vault, account, name, main=main)
    )
    if as_json:
        print_json(
            {
                "sid": key.sid,
                "account_sid": key.account_sid,
                "type": key.kind,
                "friendly_name": key.friendly_name,
                "secret": secret,
                "date_created": iso(key.date_created),
            }
        )
        return
    print_pairs(
        {
            "Key SID": key.sid,
            "Account SID": key.account_sid,
            "Name": key.friendly_name,
            "Type": key.kind,
            "Secret": f"{secret}  (shown now and never again)",
        }
    )
