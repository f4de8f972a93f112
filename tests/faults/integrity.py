"""SQLite's own check of a database file."""

from __future__ import annotations

from pathlib import Path

import apsw


def damage(path: Path) -> list[str]:
    """Return the faults of a file, which a server may have open: of its structure, then its references."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA query_only=ON")
        checks = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
        orphans = [str(line) for line in connection.execute("PRAGMA foreign_key_check")]
    finally:
        connection.close()
    return [line for line in checks if line != "ok"] + orphans
