"""Schema migrations: what they are, which ones are due, and how their SQL is put for PostgreSQL.

1. Migrations only go forward. What was released once is never edited; a change is a new number.
2. Each room (a product, or a part of the core) numbers its own. Rooms are brought up to date in the order in
   which they first appear, each in the order of its numbers, all in one transaction under a lock.
3. Statements are written once for both engines, with types in capitals: TEXT, BIGINT, BOOLEAN, BLOB. On
   PostgreSQL a TEXT column compares bytewise and BLOB is BYTEA.
4. No constraint is deferred: one action could make the COMMIT fail that it shares with others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

from trunkline.core.storage.database import NewerDatabase

REGISTER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    room TEXT NOT NULL,
    number BIGINT NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (room, number)
)
"""
"""Makes the table that remembers what was applied."""

_WORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|\bAS\s+TEXT\b|\bTEXT\b|\bBLOB\b")
_POSTGRES = {"TEXT": 'TEXT COLLATE "C"', "BLOB": "BYTEA"}


class Migration(msgspec.Struct, frozen=True):
    """One step of one room's schema; ``number`` counts from 1 within the room."""

    room: str
    number: int
    statements: tuple[str, ...]


def due(migrations: Sequence[Migration], applied: Collection[tuple[str, int]]) -> list[Migration]:
    """The migrations that are still to run, in the order to run them.

    Raises NewerDatabase when something was applied that this version does not know, and ValueError when a
    number is given twice.
    """
    known = {(migration.room, migration.number) for migration in migrations}
    if len(known) != len(migrations):
        raise ValueError("two migrations of one room have the same number")
    unknown = sorted(set(applied) - known)
    if unknown:
        named = ", ".join(f"{room} {number}" for room, number in unknown)
        raise NewerDatabase(
            f"the database was written by a newer version of Trunkline: this one does not know its "
            f"migration {named}; nothing was changed"
        )
    rooms = list(dict.fromkeys(migration.room for migration in migrations))
    ordered = sorted(migrations, key=lambda migration: (rooms.index(migration.room), migration.number))
    return [migration for migration in ordered if (migration.room, migration.number) not in applied]


def for_postgres(statement: str) -> str:
    """The statement with PostgreSQL's types; literals, quoted names, comments and casts stay as they are."""
    return _WORDS.sub(lambda word: _POSTGRES.get(word[0], word[0]), statement)
