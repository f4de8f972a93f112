"""A PostgreSQL server for the measurements, as durable as it is out of the box."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import postgres_keeper
from benchmarks.machine import SERVER_CORE, on_core
from engines import configured_postgres


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the address of an empty database. The tests' own server saves itself the writing to disk; this
    one does not.

    Raise RuntimeError when none can be started.
    """
    if url := configured_postgres():
        yield url
        return
    home = Path(tempfile.mkdtemp(prefix="trunkline-bench-"))
    durable = dict.fromkeys(("fsync", "full_page_writes"), "on")
    try:
        with on_core(SERVER_CORE), patch.dict(postgres_keeper.FLAGS, durable):
            server = postgres_keeper.start(home)
        try:
            yield f"postgresql://postgres@/postgres?host={home}"
        finally:
            postgres_keeper.stop(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)
