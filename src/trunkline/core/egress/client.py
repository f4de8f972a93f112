"""The client for outgoing HTTP: requests without a certificate over HTTP/1.1, and pools of their own for the rest.

1. Every socket is opened by permission of the address guard, by resolved address. No proxy, no netrc, no cookies.
2. Redirects are responses like others: the caller decides about each hop. Nothing is decompressed.
3. Memory is bounded: a response's head by 64 KiB, its body by the limit of the request; the rest is cut off. The body
   of a stream is unlimited, and some 64 KiB of it are in memory.
4. Each pool has connections of its own, so that none is shared between two client certificates or two sets of
   trusted certificates (see ``pool``).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http_message import EgressRequest, EgressResponse
from trunkline.core.egress.pool import ConnectionPool, PoolOptions, TlsDefaults
from trunkline.core.egress.streaming import ResponseStream, open_stream


class Egress:
    """The outgoing requests of one event loop; ``ca_file`` replaces the system's trusted certificates.

    The number of requests in flight is up to the caller; each holds at most its head, its body and one socket.
    """

    def __init__(self, guard: AddressGuard, *, ca_file: str = "", verify: bool = True) -> None:
        self._guard = guard
        self._tls = TlsDefaults(ca_file or _system_certificates(), verify)
        self._shared = ConnectionPool(guard, self._tls)
        self._pools: set[ConnectionPool] = set()

    def send(self, request: EgressRequest) -> Coroutine[Any, Any, EgressResponse]:
        """Send a request over HTTP/1.1 and return its response. Raise EgressError if there is none."""
        return self._shared.send(request)

    def stream(self, request: EgressRequest) -> AbstractAsyncContextManager[ResponseStream]:
        """Send a request over HTTP/1.1 and yield its response, whose body is read while it arrives. Raise EgressError
        if there is none."""
        return open_stream(self._shared.send, request)

    def open_pool(self, options: PoolOptions) -> ConnectionPool:
        """Return a pool for the caller alone, which closes it when it is no longer needed."""
        self._pools = {pool for pool in self._pools if not pool.closed}
        pool = ConnectionPool(self._guard, self._tls, options)
        self._pools.add(pool)
        return pool

    async def close(self) -> None:
        """Abort the requests in flight and close every connection."""
        for pool in (self._shared, *self._pools):
            await pool.close()


def _system_certificates() -> str:
    """Return the file of the system's trusted certificates; libcurl's own default is that of its build machine."""
    paths = ssl.get_default_verify_paths()
    named = os.environ.get("SSL_CERT_FILE")
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    return next((path for path in (named, paths.cafile, *usual) if path and Path(path).is_file()), "")
