"""The nodes without sockets that the API tests use, one on each storage engine at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.conftest import Api, running_api, vendor_documents
from engines import PostgresEngine, SqliteEngine

__all__ = ["vendor_documents"]

UNLIMITED = {"sync_limits": False}
"""Settings without Sync's request rates: they are about time, which stands still here."""


@pytest.fixture
def apis(session_folder: Path, postgres_server: str, tmp_path: Path) -> Iterator[list[Api]]:
    """Yield a fresh node on each storage engine: to make a request costs more than to respond to it."""
    postgres = PostgresEngine(postgres_server)
    with ExitStack() as stack:
        stack.callback(postgres.drop)
        made = []
        for engine in (SqliteEngine(session_folder), postgres):
            folder = tmp_path / engine.name
            folder.mkdir()
            made.append(stack.enter_context(running_api(engine, folder, UNLIMITED)))
        yield made
