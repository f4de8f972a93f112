"""The CA's files: created once, complete or not at all, the key private to its owner."""

from __future__ import annotations

import logging
import stat
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trunkline.core.atomic_files import create_file, replace_file
from trunkline.switch import certificates

_log = logging.getLogger(__name__)


class AuthorityError(Exception):
    """A CA on disk that cannot be used; the text has the reason and the remedy."""


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the CA's key, created on first use. Make its file private if it is not, with a warning in the log.

    Raise AuthorityError if the file is not such a key or cannot be made private.
    """
    if not path.exists():
        create_file(path, certificates.key_pem(certificates.new_key()), 0o600)
    _make_private(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as reason:
        raise AuthorityError(f"{path} cannot be read as a private key: {reason}") from reason
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path} is not an elliptic-curve key")
    return key


def load_certificate(path: Path, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """Return the CA's certificate, issued for `key` on first use, and anew for the same key if it may not sign for all
    served names. Programs that read it from its file trust the new one, others the old one for its own names.

    Raise AuthorityError if the file is not a certificate of this key, or has expired.
    """
    if not path.exists():
        issued = certificates.authority_certificate(key, now)
        create_file(path, certificates.pem(issued), 0o644)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as reason:
        raise AuthorityError(f"{path} cannot be read as a certificate: {reason}") from reason
    if certificate.public_key() != key.public_key():
        raise AuthorityError(f"{path} does not belong to the key beside it; restore the pair or delete both")
    if now >= certificate.not_valid_after_utc:
        raise AuthorityError(f"{path} is expired; delete it and the key beside it to get new ones")
    return certificate if certificates.permits_served_names(certificate) else _reissued(path, key, now)


def _reissued(path: Path, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    issued = certificates.authority_certificate(key, now)
    try:
        replace_file(path, certificates.pem(issued))
    except OSError as reason:
        _log.warning("%s is of an older version and cannot be replaced: %s", path, reason)
    else:
        _log.warning("%s is new, for the same key: it covers the hosts of browser SDKs, too", path)
    return issued


def _make_private(path: Path) -> None:
    if not stat.S_IMODE(path.stat().st_mode) & 0o077:
        return
    try:
        path.chmod(0o600)
    except OSError as reason:
        raise AuthorityError(f"{path} can be read by others and cannot be closed to them") from reason
    _log.warning("%s could be read by others; now by its owner alone", path)
