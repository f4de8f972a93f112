"""``trunkline account``: the operator's management of accounts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trunkline.cli.errors import fail
from trunkline.cli.open_database import NO_ACCOUNT, with_database
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs, print_table
from trunkline.core.dates import iso
from trunkline.products.accounts import facade
from trunkline.products.accounts.facade import MAX_NAME, Account, AccountStatus
from trunkline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Create, list and change accounts, while the server runs or not."
)

Sid = Annotated[str, typer.Argument(metavar="SID", help="The account, AC….")]


@app.command("create")
@with_settings(*DATA)
def create(
    settings: Settings,
    name: Annotated[str, typer.Option(help="Its friendly name, up to 64 characters.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create a main account and print its auth token."""
    check_name(name)
    made = with_database(
        settings, lambda database, vault: facade.create_main_account(database, vault, name), create=True
    )
    _show(made.account, as_json, auth_token=made.auth_token)


@app.command("list")
@with_settings(*DATA)
def show_all(settings: Settings, as_json: AsJson = False) -> None:
    """List main accounts and subaccounts, oldest first."""
    accounts = with_database(settings, lambda database, _: facade.all_accounts(database))
    if as_json:
        print_json([_described(account) for account in accounts])
        return
    if not accounts:
        typer.echo(NO_ACCOUNT)
        return
    rows = [
        (account.sid, account.friendly_name, account.status, _owner(account), iso(account.date_created))
        for account in accounts
    ]
    print_table(("SID", "NAME", "STATUS", "OWNER", "CREATED"), rows)


@app.command("rotate-token")
@with_settings(*DATA)
def rotate_token(settings: Settings, sid: Sid, as_json: AsJson = False) -> None:
    """Give an account a new auth token and print it; the old one, and a secondary one, are void at once."""
    opened = with_database(settings, lambda database, vault: facade.rotate_token(database, vault, sid))
    _show(opened.account, as_json, auth_token=opened.auth_token)


@app.command("test-credentials")
@with_settings(*DATA)
def test_credentials(settings: Settings, sid: Sid, as_json: AsJson = False) -> None:
    """Print an account's test credentials, which are created on first use: requests with them are checked and get a
    response, but nothing is stored or sent."""
    test_sid, token = with_database(
        settings, lambda database, vault: facade.test_credentials(database, vault, sid)
    )
    if as_json:
        print_json({"account_sid": sid, "test_account_sid": test_sid, "test_auth_token": token})
    else:
        print_pairs({"Account SID": sid, "Test account SID": test_sid, "Test auth token": token})


@app.command("set-status")
@with_settings(*DATA)
def set_status(settings: Settings, sid: Sid, status: AccountStatus, as_json: AsJson = False) -> None:
    """Suspend, activate or close an account; closing is final. Subaccounts of a main account that is not active
    cannot log in either."""
    account = with_database(settings, lambda database, _: facade.change_status(database, sid, status))
    _show(account, as_json)


def check_name(name: str) -> None:
    """Exit if an account or a key cannot have this name."""
    if len(name) > MAX_NAME or "\0" in name:
        raise fail(f"a name has at most {MAX_NAME} characters, none of them NUL")


def _owner(account: Account) -> str:
    return "" if account.owner_account_sid == account.sid else account.owner_account_sid


def _described(account: Account) -> dict[str, Any]:
    return {
        "sid": account.sid,
        "friendly_name": account.friendly_name,
        "status": account.status,
        "owner_account_sid": account.owner_account_sid,
        "date_created": iso(account.date_created),
        "date_updated": iso(account.date_updated),
    }


def _show(account: Account, as_json: bool, **more: str) -> None:
    if as_json:
        print_json({**_described(account), **more})
        return
    labels = {"auth_token": "Auth token"}
    print_pairs(
        {
            "Account SID": account.sid,
            "Name": account.friendly_name,
            "Status": account.status,
            **{labels[name]: value for name, value in more.items()},
        }
    )
