"""The storage of a running server, opened beside it: what no client can bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from servers import Server
from trunkline.app.data import BLOBS_DIRECTORY, open_storage, open_vault
from trunkline.app.products import products
from trunkline.core.blobs.files import FileBlobs
from trunkline.core.blobs.store import once
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.media import store
from trunkline.settings import Settings

T = TypeVar("T")


def beside(server: Server, action: Callable[[Database, Vault], Awaitable[T]]) -> T:
    """Do something with the storage of a server whose data are in SQLite."""

    async def work() -> T:
        settings = Settings.of(data_dir=server.data_dir)
        database = open_storage(settings, products(settings), shared=True)
        await database.start()
        try:
            return await action(database, open_vault(settings))
        finally:
            await database.stop()

    return asyncio.run(work())


def attach(server: Server, account_sid: str, message_sid: str, *kinds: str) -> list[str]:
    """Give a message an attachment of each kind; the SIDs."""

    async def work(database: Database, _: Vault) -> list[str]:
        blobs = FileBlobs(database, server.data_dir / BLOBS_DIRECTORY, ())
        contents = [await blobs.write(once(b"x"), 1) for _ in kinds]
        await blobs.stop()

        async def add(tx: Tx) -> list[str]:
            return [
                (await store.add_medium(tx, account_sid, message_sid, kind, blob)).sid
                for kind, blob in zip(kinds, contents, strict=True)
            ]

        return await database.write(add)

    return beside(server, work)
