"""Durable inserts into SQLite without a server: the most that a write on this disk can be.

Each commit holds as many rows as there are connections, which is what group commit makes of so many writers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter, process_time

import apsw
import msgspec

from trunkline.core.jobs.schema import MIGRATIONS as JOBS
from trunkline.core.sids import new_sid
from trunkline.core.storage.rows import insertion
from trunkline.products.sync.schema import MIGRATIONS
from trunkline.products.sync.services import SyncService
from trunkline.realtime.schema import MIGRATIONS as REALTIME

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL")
_NOW = 1_700_000_000_000_000


def insert(connection: apsw.Connection, rows: int, seconds: float) -> dict[str, float]:
    """Commit so many rows at a time for so long; return the rows, the time and the processor time."""
    sql = insertion("sync_services", SyncService, lambda _: "?")
    done, start, used = 0, perf_counter(), process_time()
    while perf_counter() - start < seconds:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(rows):
            row = SyncService(new_sid("IS"), "AC" + "0" * 32, None, "a name of usual length", _NOW, _NOW)
            connection.execute(sql, msgspec.structs.astuple(row))
        connection.execute("COMMIT")
        done += rows
    return {"done": done, "seconds": perf_counter() - start, "cpu": process_time() - used}


def main() -> None:
    """Insert into the file of the first argument, as often as a line of rows and seconds comes in."""
    connection = apsw.Connection(str(Path(sys.argv[1])))
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    for migration in (*JOBS, *REALTIME, *MIGRATIONS):
        for statement in migration.statements:
            connection.execute(statement)
    for line in sys.stdin:
        rows, seconds = line.split()
        print(json.dumps(insert(connection, int(rows), float(seconds))), flush=True)


if __name__ == "__main__":
    main()
