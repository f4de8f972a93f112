"""Where the CA lies on disk: read or made once, whole or not at all, the key for its owner alone."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trunkline.switch import certificates

_log = logging.getLogger(__name__)


class AuthorityError(Exception):
    """The CA on disk cannot be used; the text says why and what to do."""


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The CA's key, made on first use. Closed to others when it was not, with a warning in the log.

    Raises AuthorityError when the file is not such a key or cannot be closed to others.
    """
    if not path.exists():
        _put_first(path, certificates.key_pem(certificates.new_key()), 0o600)
    _close_to_others(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as reason:
        raise AuthorityError(f"{path} cannot be read as a private key: {reason}") from reason
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path} is not an elliptic-curve key")
    return key


def load_certificate(path: Path, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """The CA's certificate, made from `key` on first use.

    Raises AuthorityError when the file is not a certificate of this key, or is expired.
    """
    if not path.exists():
        made = certificates.authority_certificate(key, now)
        _put_first(path, certificates.pem(made), 0o644)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as reason:
        raise AuthorityError(f"{path} cannot be read as a certificate: {reason}") from reason
    if certificate.public_key() != key.public_key():
        raise AuthorityError(f"{path} does not belong to the key beside it; restore the pair or delete both")
    if now >= certificate.not_valid_after_utc:
        raise AuthorityError(f"{path} is expired; delete it and the key beside it to get new ones")
    return certificate


def _put_first(path: Path, content: bytes, mode: int) -> None:
    """Put a whole file in place unless another process was first; then that one's file stays."""
    # mkstemp creates with O_EXCL and for the owner alone; link, unlike rename, never replaces.
    handle, written = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.link(written, path)
    except FileExistsError:
        _log.debug("another process made %s first", path)
    finally:
        os.unlink(written)


def _close_to_others(path: Path) -> None:
    if not stat.S_IMODE(path.stat().st_mode) & 0o077:
        return
    try:
        path.chmod(0o600)
    except OSError as reason:
        raise AuthorityError(f"{path} can be read by others and cannot be closed to them") from reason
    _log.warning("%s could be read by others; now by its owner alone", path)
