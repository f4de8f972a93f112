"""The statistics by which SQLite plans: fixed ones, from the schema alone.

Without statistics SQLite takes ten rows for any first column of an index, and hardly fewer for further ones, so that it
may go by the account and the time where an index holds the recipient, too. Measured ones (``ANALYZE``) describe the
accounts and filters on average and change with the data, and so do the plans. Fixed ones state what all queries rely
on: each further column of an index that a query names makes its rows far fewer.
"""

from __future__ import annotations

import apsw

_ROWS = 6
"""The power of ten of the rows of a table. An index with a condition has a tenth of them, and each column of an index
divides them by ten."""

_INDEXES = """
SELECT t.name, i.name, (SELECT count(*) FROM pragma_index_info(i.name)), i."unique", i.partial
FROM sqlite_schema t, pragma_index_list(t.name) i
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'
ORDER BY t.name, i.name
"""
_STORED = "SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx"
_HAS_STORED = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'"


def fix_statistics(connection: apsw.Connection) -> None:
    """Store the statistics of all indexes, if others or none are stored, and plan by them from now on. Connections that
    are opened later do so, too. Must run inside a transaction."""
    fixed = [
        (table, index, _statistics(columns, unique=bool(unique), partial=bool(partial)))
        for table, index, columns, unique, partial in connection.execute(_INDEXES)
    ]
    stored = connection.execute(_HAS_STORED).fetchall() and connection.execute(_STORED).fetchall()
    if fixed == stored:
        return
    # Only this makes the table of the statistics.
    connection.execute("ANALYZE schema_migrations").fetchall()
    connection.execute("DELETE FROM sqlite_stat1").fetchall()
    connection.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", fixed)
    connection.execute("ANALYZE sqlite_schema").fetchall()


def _statistics(columns: int, *, unique: bool, partial: bool) -> str:
    """Return the rows of an index, and the rows for one value of its first columns, for each number of them."""
    rows = [10 ** max(_ROWS - partial - column, 0) for column in range(columns + 1)]
    if unique:
        rows[-1] = 1
    return " ".join(map(str, rows))
