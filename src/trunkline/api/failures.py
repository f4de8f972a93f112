"""The rejection of a request that failed, over HTTP and through the tunnel.

SDKs repeat a 503 by themselves (client), and a 500 not: the first is for what passes, the second for the rest.
"""

from __future__ import annotations

import logging

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import LOGGED_ONCE, DamagedData, OutcomeUnknown, Unavailable

DAMAGED = "The stored data are damaged; the operator has to restore them"
UNKNOWN = "The outcome of the change is unknown; read the resource before you try again"


def rejection_of(error: Exception, log: logging.Logger, subject: str, **fields: str) -> ApiError:
    """Return the rejection for an error, without detail unless it is an ApiError. One that the client did not cause is
    written to ``log``, the door's, with ``fields``, ``subject`` and its traceback, unless the storage has logged it.
    """
    extra = {"fields": fields}
    if isinstance(error, ApiError):
        return error
    if isinstance(error, LOGGED_ONCE):
        log.debug("%s failed by the storage: %s", subject, error, extra=extra)
    else:
        log.error("%s failed", subject, exc_info=error, extra=extra)
    if isinstance(error, Unavailable):
        return ApiError(20503, headers={"Retry-After": "1"})
    if isinstance(error, OutcomeUnknown):
        # No 503, which SDKs repeat by themselves: the change may have been made.
        return ApiError(20500, UNKNOWN)
    return ApiError(20500, DAMAGED if isinstance(error, DamagedData) else None)
