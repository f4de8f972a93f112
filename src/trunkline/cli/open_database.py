"""Access of commands to the stored data: the server's database and master key, while it runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from trunkline.app.data import open_storage, open_vault, require_master_key
from trunkline.app.products import products
from trunkline.cli.errors import exit_on_error, fail
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.core.storage.inspection import database_file
from trunkline.products.accounts import facade
from trunkline.settings import Settings

T = TypeVar("T")

NO_ACCOUNT = "there is no account yet: start the server once, or run `trunkline account create`"


def with_database(
    settings: Settings, work: Callable[[Database, Vault], Awaitable[T]], *, create: bool = False
) -> T:
    """Return the result of ``work`` on the opened database. With ``create`` a missing database is created, as by the
    server's first start. Exit with a message if the data cannot be used."""
    with exit_on_error():
        if not create:
            _require_database(settings)
        return asyncio.run(_run_on_database(settings, work))


async def _run_on_database(settings: Settings, work: Callable[[Database, Vault], Awaitable[T]]) -> T:
    await require_master_key(settings)
    vault = open_vault(settings)
    database = open_storage(settings, products(settings), shared=True)
    await database.start()
    try:
        await facade.check_master_key(database, vault)
        return await work(database, vault)
    finally:
        await database.stop()


def _require_database(settings: Settings) -> None:
    path = database_file(settings.storage.url)
    if path is not None and not path.exists():
        raise fail(f"there is no database {path}: start the server once, or name its --data-dir")


def no_account() -> typer.Exit:
    """Return the exit of a command that needs an account if there is none."""
    return fail(NO_ACCOUNT)
