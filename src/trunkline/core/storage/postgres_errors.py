"""The storage error for each error of PostgreSQL and its driver: a table of SQLSTATEs.

The longest beginning of a SQLSTATE that is in the table decides; what is not in it is a fault of the code. A message
repeats neither SQL nor values.

- ``RetryableError``: the server ended the transaction or statement in favour of another one; it is run again.
- ``SessionLost``: the session has ended, or may have; a transaction that was not being committed is undone.
- ``Standby``: the server repeats the changes of another one.
"""

from __future__ import annotations

import asyncpg

from trunkline.core.storage.database import (
    Busy,
    Conflict,
    DamagedData,
    NotWritable,
    OutcomeUnknown,
    StorageError,
    Unavailable,
)

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""All errors of the driver, except those of a wrong call; a time-out is an OSError."""


class RetryableError(StorageError):
    """PostgreSQL ended the transaction in favour of another one; it can be run again."""


class SessionLost(Unavailable):
    """The connection is lost, or does not respond; it cannot be used any more."""


class Standby(NotWritable):
    """The PostgreSQL server is a read-only standby."""


_CONFLICT = Conflict, "the change breaks a uniqueness or reference rule"
_RETRY = RetryableError, "the change met another one"
_LOST = SessionLost, "the database cannot be used at the moment"
_UNAVAILABLE = Unavailable, "the database cannot be used at the moment"
_UNWRITABLE = NotWritable, "the database accepts no changes at the moment"
_DAMAGED = DamagedData, "the stored data are damaged"
_UNKNOWN = OutcomeUnknown, "the server does not say whether the change was made"
_FAULT = StorageError, "the database refused the statement"

SQLSTATES: dict[str, tuple[type[StorageError], str]] = {
    "08": _LOST,
    "08007": _UNKNOWN,
    "23503": _CONFLICT,
    "23505": _CONFLICT,
    "25P03": _LOST,  # idle in a transaction for too long
    "25P04": _LOST,  # the transaction took too long
    "28": _UNAVAILABLE,  # the server's access rules or the password were changed
    "3D": _UNAVAILABLE,  # the database was dropped, or renamed for a restore
    "40": _RETRY,
    "40002": _FAULT,
    "40003": _UNKNOWN,
    "53": _UNAVAILABLE,
    "53100": _UNWRITABLE,
    "55": _UNAVAILABLE,
    "55P02": _FAULT,
    "55P03": (RetryableError, "the lock of another change was not released in time"),
    "55P04": _FAULT,
    "57": _UNAVAILABLE,
    "57014": (Busy, "the database did not finish the statement in time"),
    "57P": _LOST,  # shutdown, crash, start, drop: the session has ended
    "58": _UNAVAILABLE,
    "58030": _DAMAGED,
    "58P01": _DAMAGED,
    "72": _RETRY,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""The storage error and its text by the beginning of a SQLSTATE: a class of two characters, or more."""

_READ_ONLY = ("25006", "0A000")
"""A standby's refusal of a statement that writes, and of a transaction that may write."""
_STALE = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""Another node changed the schema, as in a rolling upgrade: statements prepared before are invalid."""


def translate(error: Exception, *, writes: bool = False) -> StorageError:
    """Return the storage error for one of the driver; ``writes`` is true in a transaction that may write."""
    if isinstance(error, _STALE):
        return RetryableError("the schema was changed")
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        if writes and code in _READ_ONLY:
            return Standby("the PostgreSQL server is a read-only standby")
        kind, text = next((SQLSTATES[code[:n]] for n in range(5, 1, -1) if code[:n] in SQLSTATES), _FAULT)
        return kind(text)
    # The driver raises InterfaceError for a closed connection or pool, and DataError, which is one, about a value.
    if isinstance(error, asyncpg.DataError):
        return StorageError("the database refused the statement")
    return SessionLost("the database cannot be used at the moment")


def was_undone(error: BaseException) -> bool:
    """Return whether the session ended before the server got the commit, so that nothing was changed: it ended the
    session itself, as idle, or the driver had its last message already and sent nothing."""
    if isinstance(error, asyncpg.InternalClientError) and "cannot switch to state" in str(error):
        return True
    while error.__cause__ is not None and not isinstance(error, asyncpg.IdleInTransactionSessionTimeoutError):
        error = error.__cause__
    return isinstance(error, asyncpg.IdleInTransactionSessionTimeoutError)
