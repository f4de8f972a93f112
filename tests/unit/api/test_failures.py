"""The rejections of requests that failed."""

from __future__ import annotations

import logging

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.failures import DAMAGED, UNKNOWN, rejection_of
from trunkline.core.storage.database import (
    DamagedData,
    NotWritable,
    OutcomeUnknown,
    StorageError,
    Unavailable,
)

log = logging.getLogger("trunkline.test")


@pytest.mark.parametrize(
    ("error", "status", "code", "repeats", "logged"),
    [
        (ApiError(20404), 404, 20404, False, []),
        (Unavailable("full"), 503, 20503, True, []),
        (NotWritable("full"), 503, 20503, True, []),
        (DamagedData("page 7"), 500, 20500, False, []),
        (StorageError("no such table"), 500, 20500, False, ["a request failed"]),
        (OutcomeUnknown("lost"), 500, 20500, False, []),
        (KeyError("x"), 500, 20500, False, ["a request failed"]),
    ],
)
def test_only_what_passes_invites_to_try_again(
    error: Exception,
    status: int,
    code: int,
    repeats: bool,
    logged: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    rejection = rejection_of(error, log, "a request", request_id="RQ1")
    assert (rejection.status, rejection.code) == (status, code)
    assert ("Retry-After" in rejection.headers) == repeats
    assert [record.message for record in caplog.records] == logged
    assert (rejection.message == DAMAGED) == isinstance(error, DamagedData)
    assert (rejection.message == UNKNOWN) == isinstance(error, OutcomeUnknown)
