"""The storage of a running server, opened beside it: what no client can bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from servers import Server
from trunkline.app.data import open_storage, open_vault
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.settings import Settings

T = TypeVar("T")


def beside(server: Server, action: Callable[[Database, Vault], Awaitable[T]]) -> T:
    """Do something with the storage of a server whose data are in SQLite."""

    async def work() -> T:
        settings = Settings.of(data_dir=server.data_dir)
        database = open_storage(settings, shared=True)
        await database.start()
        try:
            return await action(database, open_vault(settings))
        finally:
            await database.stop()

    return asyncio.run(work())
