"""The storage error for each SQLSTATE."""

from __future__ import annotations

import inspect

import asyncpg
import pytest

from trunkline.core.storage.database import (
    Busy,
    Conflict,
    DamagedData,
    NotWritable,
    OutcomeUnknown,
    StorageError,
    Unavailable,
)
from trunkline.core.storage.postgres_errors import (
    RetryableError,
    SessionLost,
    Standby,
    translate,
    was_undone,
)

KINDS: dict[type[StorageError], tuple[str, ...]] = {
    Conflict: ("23503", "23505"),
    RetryableError: ("40000", "40001", "40P01", "55P03", "72000"),
    SessionLost: (
        *("08000", "08001", "08003", "08004", "08006", "08P01"),
        *("25P03", "25P04", "57P01", "57P02", "57P03", "57P04", "57P05"),
    ),
    Unavailable: (
        *("28000", "28P01", "3D000", "53000", "53200", "53300", "53400", "55000", "55006"),
        *("57000", "58000", "58P02", "58P03"),
    ),
    Busy: ("57014",),
    NotWritable: ("53100",),
    DamagedData: ("58030", "58P01", "XX001", "XX002"),
    OutcomeUnknown: ("08007", "40003"),
}
BY_CODE = {code: kind for kind, codes in KINDS.items() for code in codes}
"""The SQLSTATEs that pass by themselves, or that an operator ends; any other one is a fault of the code."""


def raised(code: str) -> asyncpg.PostgresError:
    """Return the driver's error for a SQLSTATE, with a message that must not be repeated."""
    error: asyncpg.PostgresError = asyncpg.PostgresError.new({"C": code, "M": "SELECT 'hush'", "S": "ERROR"})
    return error


def known() -> list[str]:
    """Return every SQLSTATE that the driver has."""
    classes = [found for _, found in inspect.getmembers(asyncpg.exceptions, inspect.isclass)]
    errors = [found.sqlstate or "" for found in classes if issubclass(found, asyncpg.PostgresError)]
    return sorted({code for code in errors if len(code) == 5})


def test_every_sqlstate_has_its_storage_error() -> None:
    codes = known()
    assert set(BY_CODE) <= set(codes)
    for code in (*codes, "5312Z", "57PZZ", "99999", "", "0"):
        expected = BY_CODE.get(code) or {"5312Z": Unavailable, "57PZZ": SessionLost}.get(code, StorageError)
        error = translate(raised(code))
        assert type(error) is expected, code
        assert "hush" not in str(error), code


@pytest.mark.parametrize("code", ["25006", "0A000"])
def test_a_refusal_of_changes_is_a_standby_where_a_change_is_allowed(code: str) -> None:
    assert type(translate(raised(code), writes=True)) is Standby
    assert type(translate(raised(code))) is StorageError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError("hush"), SessionLost),
        (TimeoutError(), SessionLost),
        (asyncpg.InterfaceError("connection is closed"), SessionLost),
        (asyncpg.InternalClientError("hush"), SessionLost),
        (asyncpg.DataError("hush"), StorageError),
        (asyncpg.InvalidCachedStatementError("hush"), RetryableError),
        (asyncpg.OutdatedSchemaCacheError("hush"), RetryableError),
    ],
)
@pytest.mark.parametrize("writes", [False, True])
def test_errors_of_the_driver(error: Exception, kind: type[StorageError], writes: bool) -> None:
    found = translate(error, writes=writes)
    assert type(found) is kind
    assert "hush" not in str(found)


def test_a_session_that_was_idle_for_too_long_committed_nothing() -> None:
    lost = asyncpg.ConnectionDoesNotExistError("closed")
    assert not was_undone(lost)
    lost.__cause__ = raised("57P01")
    assert not was_undone(lost)
    lost.__cause__ = raised("25P03")
    assert was_undone(lost)
    assert was_undone(raised("25P03"))
    assert was_undone(
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
    )
    assert not was_undone(asyncpg.InternalClientError("another"))
