"""The CA of this installation: its key and certificate on disk, and server certificates minted from it."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from trunkline.core.clock import SECOND, Clock, system_clock
from trunkline.switch import certificates, keeping
from trunkline.switch.request import served_host

KEPT_HOSTS = 256
"""How many hosts' contexts are kept; the least recently used is dropped."""

_RENEW_BEFORE = timedelta(days=30)


class _Minted(NamedTuple):
    context: ssl.SSLContext
    renew_at: datetime


class Authority:
    """A CA for names below twilio.com and nothing else; `open` loads or makes it."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, *, clock: Clock = system_clock
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._clock = clock
        self._minted: dict[str, _Minted] = {}

    @classmethod
    def open(cls, directory: Path, *, clock: Clock = system_clock) -> Authority:
        """The CA kept in `directory` as `ca.key` and `ca.pem`, both made on first use.

        The directory is made when missing. Several processes may do this at once; all get the same key.
        A key that others may read is closed to them, with a warning in the log.
        Raises AuthorityError when the files cannot be used: unreadable, not a pair, or expired.
        """
        now = _moment(clock)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = keeping.load_key(directory / "ca.key")
        certificate = keeping.load_certificate(directory / "ca.pem", key, now)
        return cls(key, certificate, clock=clock)

    @property
    def certificate_pem(self) -> bytes:
        """The CA's certificate as programs are to trust it, in PEM."""
        return certificates.pem(self._certificate)

    def context_for(self, host: str) -> ssl.SSLContext:
        """A server-side TLS context with a certificate for exactly `host`, minted on first use.

        Kept, and minted anew 30 days before it expires. HTTP/1.1 only, TLS 1.2 and later.
        Raises ValueError for a name that does not lie below twilio.com.
        """
        name = served_host(host)
        if name is None:
            raise ValueError(f"not a name below twilio.com: {host!r}")
        now = _moment(self._clock)
        minted = self._minted.pop(name, None)
        if minted is None or now >= minted.renew_at:
            minted = self._mint(name, now)
        self._minted[name] = minted
        if len(self._minted) > KEPT_HOSTS:
            del self._minted[next(iter(self._minted))]
        return minted.context

    def _mint(self, host: str, now: datetime) -> _Minted:
        leaf_key = certificates.new_key()
        leaf = certificates.server_certificate(host, leaf_key, (self._key, self._certificate), now)
        chain = certificates.key_pem(leaf_key) + certificates.pem(leaf) + self.certificate_pem
        return _Minted(_server_context(chain), leaf.not_valid_after_utc - _RENEW_BEFORE)


def _server_context(chain: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # The ssl module takes a chain from a file only; the directory is ours alone and gone at once.
    with tempfile.TemporaryDirectory(prefix="trunkline-") as private:
        path = Path(private, "chain.pem")
        path.write_bytes(chain)
        context.load_cert_chain(path)
    return context


def _moment(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock() // SECOND, UTC)
