"""Schema migrations: their form, the ones that are due, and their SQL on PostgreSQL.

1. Migrations only go forward. A released migration is never edited; a change is a new number.
2. Each component (a product, or a piece of the core) numbers its own. Components are migrated in the order in which
   they first appear, each in the order of its numbers, all in one transaction under a lock. The column is named
   ``room``.
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
);
CREATE TABLE IF NOT EXISTS storage_probe (id BIGINT PRIMARY KEY, filler TEXT NOT NULL);
"""
"""The statements that create the engines' own tables: the applied migrations, and the one that ``condition`` writes to
for a try whether changes are accepted."""

_WORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|\bAS\s+TEXT\b|\bTEXT\b|\bBLOB\b")
_POSTGRES = {"TEXT": 'TEXT COLLATE "C"', "BLOB": "BYTEA"}


class Migration(msgspec.Struct, frozen=True):
    """One step of one component's schema; ``number`` counts from 1 within the component."""

    component: str
    number: int
    statements: tuple[str, ...]


def due(migrations: Sequence[Migration], applied: Collection[tuple[str, int]]) -> list[Migration]:
    """Return the migrations that must still run, in their order.

    Raise NewerDatabase if a migration was applied that this version does not have, and ValueError if a number is
    given twice.
    """
    known = {(migration.component, migration.number) for migration in migrations}
    if len(known) != len(migrations):
        raise ValueError("two migrations of one component have the same number")
    unknown = sorted(set(applied) - known)
    if unknown:
        named = ", ".join(f"{component} {number}" for component, number in unknown)
        raise NewerDatabase(
            f"the database was written by a newer version of Trunkline: this one does not have its "
            f"migration {named}; nothing was changed"
        )
    components = list(dict.fromkeys(migration.component for migration in migrations))
    ordered = sorted(
        migrations, key=lambda migration: (components.index(migration.component), migration.number)
    )
    return [migration for migration in ordered if (migration.component, migration.number) not in applied]


def for_postgres(statement: str) -> str:
    """Return the statement with PostgreSQL's types; literals, quoted names, comments and casts stay as they are."""
    return _WORDS.sub(lambda word: _POSTGRES.get(word[0], word[0]), statement)
