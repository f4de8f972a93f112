"""The options of the stored data: the data directory, the database, the key of its secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trunkline.core.storage.postgres_address import PostgresBounds
from trunkline.settings.option import option
from trunkline.settings.values import BadSetting, at_least, between, hidden, without_password

_SECONDS = between(0.1, 86_400)


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

    pool_size: int = option(
        10,
        "PostgreSQL: connections of this node for changes and reads; lists leave two of them to the others.",
        check=between(1, 10_000),
    )
    scan_pool_size: int = option(
        2, "PostgreSQL: connections of this node for reads that may take long.", check=between(1, 10_000)
    )
    pool_queue: int = option(
        10_000,
        "PostgreSQL: calls that may use a connection or wait for one; one more is a 503.",
        check=at_least(1),
    )
    pool_wait: float = option(
        5.0,
        "PostgreSQL: seconds that a call waits for a connection, and is run again after it met others;",
        "then it is a 503.",
        check=_SECONDS,
    )
    lock_timeout: float = option(
        1.0,
        "PostgreSQL: seconds that a statement waits for the lock of another change.",
        check=_SECONDS,
    )
    idle_in_transaction_timeout: float = option(
        2.0,
        "PostgreSQL: seconds after which the server ends the transaction of a node that does not go on.",
        check=_SECONDS,
    )
    statement_timeout: float = option(
        10.0, "PostgreSQL: seconds that a statement of a change or a quick read may take.", check=_SECONDS
    )
    scan_timeout: float = option(
        60.0, "PostgreSQL: seconds that a statement of a long read may take.", check=_SECONDS
    )
    migration_timeout: float = option(
        600.0,
        "PostgreSQL: seconds that a statement of a migration may take, and that nodes wait for another's.",
        check=_SECONDS,
    )
    tcp_timeout: float = option(
        5.0,
        "PostgreSQL: seconds after which a connection whose other end is gone is closed, on both sides.",
        check=_SECONDS,
    )

    def __post_init__(self) -> None:
        """Raise BadSetting if a node on PostgreSQL that stands still could get one lock after the other."""
        lock, idle = self.lock_timeout, self.idle_in_transaction_timeout
        if not self.database_url or lock <= idle:
            return
        if lock != StorageSettings.lock_timeout:
            raise BadSetting(
                f"lock_timeout must be at most {idle:g}, the idle_in_transaction_timeout", "lock_timeout"
            )
        option = "idle_in_transaction_timeout"
        raise BadSetting(f"{option} must be at least {lock:g}, the lock_timeout", option)

    def bounds(self) -> PostgresBounds:
        """Return the bounds of this node's use of PostgreSQL."""
        return PostgresBounds(
            pool_size=self.pool_size,
            scan_pool_size=self.scan_pool_size,
            max_queue=self.pool_queue,
            wait=self.pool_wait,
            idle_in_transaction=self.idle_in_transaction_timeout,
            lock=self.lock_timeout,
            statement=self.statement_timeout,
            scan=self.scan_timeout,
            migration=self.migration_timeout,
            peer=self.tcp_timeout,
        )

    @property
    def url(self) -> str:
        """The address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'trunkline.db'}"
