"""The rejection of a request that failed, over HTTP and through the tunnel.

SDKs repeat a 503 by themselves (client), and a 500 not: the first is for what passes, the second for the rest.
"""

from __future__ import annotations

import logging

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import DamagedData, Unavailable

DAMAGED = "The stored data are damaged; the operator has to restore them"


def rejection_of(error: Exception, log: logging.Logger, subject: str, **fields: str) -> ApiError:
    """Return the rejection for an error, without detail unless it is an ApiError. One that the client did not cause is
    written to ``log``, the door's, with ``fields``; a failure that nobody expected with ``subject`` and its traceback.
    """
    extra = {"fields": fields}
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Unavailable):
        log.error("storage is unavailable: %s", error, extra=extra)
        return ApiError(20503, headers={"Retry-After": "1"})
    if isinstance(error, DamagedData):
        # The storage logs the cause, once.
        log.debug("the stored data are damaged", extra=extra)
        return ApiError(20500, DAMAGED)
    log.error("%s failed", subject, exc_info=error, extra=extra)
    return ApiError(20500)
