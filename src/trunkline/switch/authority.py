"""The CA of this installation: its key and certificate on disk, and the cache of server certificates that it issues."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from trunkline.core.clock import SECOND, Clock, system_clock
from trunkline.switch import authority_files, certificates
from trunkline.switch.request_parser import served_host

CACHED_HOSTS = 256
"""Hosts in the cache of TLS contexts; the least recently used one is evicted."""

_RENEW_BEFORE = timedelta(days=30)


class _CachedContext(NamedTuple):
    context: ssl.SSLContext
    renew_at: datetime


class Authority:
    """A CA for the served names and nothing else. `open` loads or creates it."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, *, clock: Clock = system_clock
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._clock = clock
        self._cache: dict[str, _CachedContext] = {}

    @classmethod
    def open(cls, directory: Path, *, clock: Clock = system_clock) -> Authority:
        """Return the CA in `directory`, in the files `ca.key` and `ca.pem`; both are created on first use.

        The directory is created if it is missing. Several processes may do this at once; all get the same key.
        A key that others may read is made private, with a warning in the log.
        Raise AuthorityError if the files cannot be used: unreadable, not a pair, or expired.
        """
        now = _utc_now(clock)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = authority_files.load_key(directory / "ca.key")
        certificate = authority_files.load_certificate(directory / "ca.pem", key, now)
        return cls(key, certificate, clock=clock)

    @property
    def certificate_pem(self) -> bytes:
        """The CA's certificate in PEM, for programs that must trust it."""
        return certificates.pem(self._certificate)

    def context_for(self, host: str) -> ssl.SSLContext:
        """Return a server-side TLS context with a certificate for exactly `host`, issued on first use.

        It is cached, and issued again 30 days before it expires. HTTP/1.1 only, TLS 1.2 and later.
        Raise ValueError if the name is not served here.
        """
        name = served_host(host)
        if name is None:
            raise ValueError(f"not a served name: {host!r}")
        now = _utc_now(self._clock)
        cached = self._cache.pop(name, None)
        if cached is None or now >= cached.renew_at:
            cached = self._issue(name, now)
        self._cache[name] = cached
        if len(self._cache) > CACHED_HOSTS:
            del self._cache[next(iter(self._cache))]
        return cached.context

    def _issue(self, host: str, now: datetime) -> _CachedContext:
        leaf_key = certificates.new_key()
        leaf = certificates.server_certificate(host, leaf_key, (self._key, self._certificate), now)
        chain = certificates.key_pem(leaf_key) + certificates.pem(leaf) + self.certificate_pem
        return _CachedContext(_server_context(chain), leaf.not_valid_after_utc - _RENEW_BEFORE)


def _server_context(chain: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # The ssl module loads a chain from a file only; the directory is private and removed at once.
    with tempfile.TemporaryDirectory(prefix="trunkline-") as private:
        path = Path(private, "chain.pem")
        path.write_bytes(chain)
        context.load_cert_chain(path)
    return context


def _utc_now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock() // SECOND, UTC)
