"""The options of the stored data: the data directory, the database, the key of its secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trunkline.settings.option import option
from trunkline.settings.values import hidden, without_password


def _database_address(url: str) -> None:
    if url:
        # Imported here because most commands need no engine, and the start of one is short.
        from trunkline.core.storage.database import StorageError
        from trunkline.core.storage.open import check_address

        try:
            check_address(url)
        except StorageError as error:
            raise ValueError(f"cannot be used: {error}") from None


def _master_key(text: str) -> None:
    if text:
        from trunkline.core.secrets import BadMasterKey, parse_key

        try:
            parse_key(text)
        except BadMasterKey as error:
            raise ValueError(f"cannot be used: {error}") from None


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """The options of the table ``[storage]``."""

    data_dir: Path = option(Path("data"), "Directory of the database, the master key and the proxy's CA.")
    database_url: str = option(
        "",
        "postgresql://… stores the data in PostgreSQL; empty uses SQLite in the data directory.",
        check=_database_address,
        secret=without_password,
    )
    master_key: str = option(
        "",
        "Base64 of the 32 bytes that encrypt secrets at rest;",
        "empty uses the file master.key in the data directory, created on first use.",
        check=_master_key,
        secret=hidden,
    )

    @property
    def url(self) -> str:
        """The address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'trunkline.db'}"
