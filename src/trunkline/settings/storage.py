"""The options of the stored data: the data directory, the database, the key of its secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trunkline.settings.option import option
from trunkline.settings.values import hidden, without_password


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """The options of the table ``[storage]``."""

    data_dir: Path = option(Path("data"), "Directory of the database, the master key and the proxy's CA.")
    database_url: str = option(
        "",
        "postgresql://… keeps the data in PostgreSQL; empty keeps them in SQLite in the data directory.",
        secret=without_password,
    )
    master_key: str = option(
        "",
        "Base64 of the 32 bytes that encrypt secrets at rest;",
        "empty uses the file master.key in the data directory, made on first use.",
        secret=hidden,
    )

    @property
    def url(self) -> str:
        """The address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'trunkline.db'}"
