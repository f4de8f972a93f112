"""The retention of tables: the rows that each keeps, and until when.

Each component names every one of its tables once, as ``TableRetention``, in words and by limits. A limit by age is
judged as of a time that is trusted; one by number or size needs none. ``retention_sweeper`` applies them, whether or
not new rows come. Spans and numbers are the operator's options, by their names; 0 is no limit.

1. ``find`` reads only, aside of other queries: a sweep that finds nothing writes nothing.
2. Rows are removed in pieces, as ``removal`` has it: several nodes may do so at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Database, Row, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import Piece, Removal, RemovalProgress, WeighedPiece

MIGRATIONS = (
    Migration(
        "retention",
        1,
        (
            # The time of the last sweep by a clock that was trusted, under the id 1.
            """CREATE TABLE retention_clock (
                id BIGINT PRIMARY KEY,
                swept BIGINT NOT NULL
            )""",
        ),
    ),
    Migration(
        "retention",
        2,
        (
            # retention_clock.RetentionClock
            "ALTER TABLE retention_clock ADD COLUMN read BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE retention_clock ADD COLUMN seen BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE retention_clock ADD COLUMN ran BIGINT NOT NULL DEFAULT 0",
        ),
    ),
)

DAY = 24 * 3600 * SECOND
MEGABYTE = 1024 * 1024
PARENTS = 50
"""Rows with rows below them that one transaction removes."""

PAGE = 20_000
"""Rows that are counted at once, so that other long reads come in between."""

_UNITS = ((DAY, "days"), (3600 * SECOND, "hours"), (60 * SECOND, "minutes"), (SECOND, "seconds"))

Options = Mapping[str, int]
"""The values of the operator's options, by name."""


class FoundRows(msgspec.Struct, frozen=True):
    """Rows of a table that must go, by the piece that removes some of them. There may be more, also of other tables,
    once it finds none."""

    table: str
    piece: Piece | WeighedPiece


class Limit(Protocol):
    """A rule by which rows of a table are removed."""

    @property
    def by_clock(self) -> bool:
        """True if the rule depends on the time."""
        ...

    def words(self, options: Options | None) -> str:
        """Return the rule for people, with the values of the options, or without them by their names; empty if it is
        switched off."""
        ...

    async def find(
        self, database: Database, retention: Retention, table: TableRetention, now: int
    ) -> FoundRows | None:
        """Return rows that must go at the time ``now``; None if none must. Raise StorageError."""
        ...


class AgeLimit(msgspec.Struct, frozen=True):
    """Rows go once ``column``, in microseconds since 1970 UTC, lies longer ago than ``option`` has days, or than
    ``span``; without either it is their end. The column must lead an index; ``where`` narrows the rows."""

    column: str
    option: str = ""
    span: int = 0
    where: str = ""
    after: str = ""

    @property
    def by_clock(self) -> bool:
        """True: rows go by their time."""
        return True

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        if self.option and options is not None and not options[self.option]:
            return ""
        length = _days(self.option, options) if self.option else _length(self.span)
        return f"at most {length}{self.after}" if length else "until its end"

    async def find(
        self, database: Database, retention: Retention, table: TableRetention, now: int
    ) -> FoundRows | None:
        """Return the rows that are too old."""
        span = retention.options[self.option] * DAY if self.option else self.span
        if self.option and not span:
            return None
        condition = f"{self.column} < :before" + (f" AND {self.where}" if self.where else "")

        # The end of a row without a span has come at that time.
        before = now - span if span else now + 1
        sql = f"SELECT 1 FROM {table.table} WHERE {condition} LIMIT 1"
        found = await database.scan(lambda tx: tx.value(sql, before=before))
        return None if found is None else table.rows(condition, order=self.column, before=before)


class NewestLimit(msgspec.Struct, frozen=True):
    """The newest rows stay, by ``column``, which must lead an index: as many as ``option`` allows, or with ``size``, a
    column of that index with the bytes of a row, as many as have that many megabytes."""

    column: str
    option: str
    size: str = ""

    @property
    def by_clock(self) -> bool:
        """False: rows go by their number."""
        return False

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        unit = "MB" if self.size else "rows"
        if options is None:
            return f"the newest `{self.option}` {unit}"
        return f"the newest {options[self.option]:,} {unit} ({self.option})" if options[self.option] else ""

    async def find(
        self, database: Database, retention: Retention, table: TableRetention, now: int
    ) -> FoundRows | None:
        """Return the rows that are older than the newest ones that stay."""
        left = retention.options[self.option] * (MEGABYTE if self.size else 1)
        if not left:
            return None
        names = f"{self.column}, {self.size}" if self.size else self.column
        sql = (
            f"SELECT CAST(sum({self.size or '1'}) AS BIGINT), min({self.column}) FROM (SELECT {names}"
            f" FROM {table.table} WHERE {self.column} < :before ORDER BY {self.column} DESC LIMIT :page) AS newest"
        )
        before, page = _LATEST, PAGE
        while True:
            [found] = await database.scan(partial(_newest, sql=sql, before=before, page=page))
            if found.total is None or found.first is None:
                return None
            if found.total <= left:
                left, before = left - found.total, found.first
            elif page > 1:
                page = max(1, page // 10)
            else:
                return table.rows(f"{self.column} <= :last", order=self.column, last=found.first)


_LATEST = 2**62


class _NewestRows(Row, frozen=True):
    total: int | None
    first: int | None


async def _newest(tx: Tx, sql: str, before: int, page: int) -> list[_NewestRows]:
    return await tx.all(_NewestRows, sql, before=before, page=page)


class _ParentKey(Row, frozen=True):
    key: str


class AccountPiece(Protocol):
    """The removal of up to ``limit`` rows of an account with all that goes with them; as ``WeighedPiece``."""

    async def __call__(self, tx: Tx, limit: int, account_sid: str) -> RemovalProgress:
        """Carry out the change."""
        ...


class TableRetention(msgspec.Struct, frozen=True, kw_only=True):
    """The retention of a table. ``rule`` states in words what governs its rows apart from ``limits``: ``with its
    message``; ``key`` are the columns of its primary key.

    The rows of a removed account go by ``account``, a condition on them with ``:account_sid`` that an index serves;
    without one they go with a parent's. ``children`` are tables, with their column of the parent's key, whose rows
    refer to this one's and may be many: they go first, in pieces. ``released`` is the change that frees rows in place
    of their removal. ``removes`` removes rows of an account by a piece of its own, for a table with rows that take
    much with them."""

    table: str
    rule: str = ""
    key: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    account: str = ""
    children: tuple[tuple[str, str], ...] = ()
    released: str = ""
    removes: AccountPiece | None = None

    def words(self, options: Options | None = None) -> str:
        """Return for people what governs the table, with the values of the options or by their names."""
        limits = (limit.words(options) for limit in self.limits)
        return "; ".join(filter(None, (self.rule, *limits))) or "for ever"

    def rows(self, where: str, *, order: str = "", **values: int | str) -> FoundRows:
        """Return the rows of the table that meet a condition."""
        return FoundRows(self.table, Removal(self.table, self.key, where, values, order))


class Place(msgspec.Struct, frozen=True):
    """The place ``at`` which the search for an account's old rows goes on: since ``began`` it has found none before it,
    for these days."""

    days: int
    at: int
    began: int


class Retention(msgspec.Struct, frozen=True):
    """The retention of all tables, with the values of the operator's options. ``places`` are those of long searches, by
    option and account."""

    tables: tuple[TableRetention, ...]
    options: Options
    places: dict[tuple[str, str], Place] = msgspec.field(default_factory=dict)

    def table(self, name: str) -> TableRetention:
        """Return the retention of a table."""
        return next(one for one in self.tables if one.table == name)


async def find_rows_of_account(
    database: Database, retention: Retention, account_sid: str
) -> FoundRows | None:
    """Return rows of an account, of any table but ``accounts``; None once there are no more."""
    for table in retention.tables:
        if not table.account:
            continue
        has_rows = await database.scan(partial(_has_rows, table=table, account_sid=account_sid))
        if has_rows:
            if table.removes is not None:
                return FoundRows(table.table, partial(table.removes, account_sid=account_sid))
            if table.released or table.children:
                piece = partial(_remove_of_account, retention=retention, table=table, account_sid=account_sid)
                return FoundRows(table.table, piece)
            return table.rows(table.account, account_sid=account_sid)
    return None


async def _has_rows(tx: Tx, table: TableRetention, account_sid: str) -> bool:
    sql = f"SELECT 1 FROM {table.table} WHERE {table.account} LIMIT 1"
    return await tx.value(sql, account_sid=account_sid) is not None


async def _remove_of_account(
    tx: Tx, limit: int, retention: Retention, table: TableRetention, account_sid: str
) -> int:
    """Release rows, or remove rows below some rows of the table and then those. Return how many of all tables."""
    key = table.key[0]
    sql = f"SELECT {key} FROM {table.table} WHERE {table.account} LIMIT :parents {tx.skip_locked}"
    found = await tx.all(_ParentKey, sql, account_sid=account_sid, parents=min(limit, PARENTS))
    removed = 0
    for parent in found:
        for name, column in table.children:
            child = Removal(name, retention.table(name).key, f"{column} = :parent", {"parent": parent.key})
            removed += await child(tx, limit - removed)
            if removed >= limit:
                return removed
    if table.released:
        change, values = table.released, {"now": tx.now}
    else:
        change, values = f"DELETE FROM {table.table}", {}
    going = found[: limit - removed]
    await tx.run_many(f"{change} WHERE {key} = :key", [{"key": one.key, **values} for one in going])
    return removed + len(going)


def _days(option: str, options: Options | None) -> str:
    return f"`{option}` days" if options is None else f"{options[option]:,} days ({option})"


def _length(span: int) -> str:
    for unit, name in _UNITS:
        if span >= 2 * unit:
            return f"{span // unit} {name}"
    return ""


def all_tables(groups: Sequence[Sequence[TableRetention]]) -> tuple[TableRetention, ...]:
    """Return the retentions of several components."""
    return tuple(table for group in groups for table in group)


RETENTION = (
    TableRetention(table="schema_migrations", rule="for ever: one row for each step of the schema"),
    TableRetention(table="storage_probe", rule="for ever: one row at most"),
    TableRetention(table="retention_clock", rule="for ever: one row"),
)
