"""The sizes of the tables, each with what governs its rows; a table without rows is not shown."""

from __future__ import annotations

from trunkline.app.products import products, retention
from trunkline.cli.doctor.finding import DoctorFinding, ok, warned
from trunkline.core.storage.database import StorageError
from trunkline.core.storage.inspection import database_file
from trunkline.core.storage.table_sizes import TableSize, table_sizes_at
from trunkline.settings import Settings

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


async def findings(settings: Settings) -> list[DoctorFinding]:
    """Return a finding for each table with rows, the largest first; none without a database that can be read."""
    path = database_file(settings.storage.url)
    if path is not None and not path.exists():
        return []
    try:
        sizes = await table_sizes_at(settings.storage.url)
    except StorageError as error:
        return [warned("tables", f"cannot be measured: {error}", "see to the database")]
    governed = retention(settings, products(settings))
    kept = {table.table: table.words(governed.options) for table in governed.tables}
    return [
        ok("table", f"{size.table}: {described(size)}; kept: {kept[size.table]}")
        for size in sizes
        if size.rows and size.table in kept
    ]


def described(size: TableSize) -> str:
    """Return a size for people."""
    number, unit = float(size.bytes), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{size.rows:,} rows, {number:.{1 if 0 < number < 10 and unit else 0}f} {_UNITS[unit]}"
