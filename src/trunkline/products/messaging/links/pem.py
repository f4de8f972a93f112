"""The check of a TLS certificate with its private key. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trunkline.core.clock import SECOND

if TYPE_CHECKING:
    from cryptography import x509

_KEY = re.compile(r"-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[A-Za-z0-9+/=\s]+-----END \1-----")


class BadPem(ValueError):
    """The text is no certificate with its key that could serve a domain; the message names the reason."""


def expiry(pem: str, host: str, now: int) -> int:
    """Return the time at which the certificate expires, in microseconds since 1970 UTC. ``host`` is the name that it
    must be for, as phones check it (inferred). Raise BadPem for anything else."""
    # Certificates are rare: the library costs a server's start too much.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key_text = _KEY.search(pem)
    if key_text is None:
        raise BadPem("must hold a certificate and its private key in PEM")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        # Whether the numbers of a large RSA key are primes takes seconds to find out, and is not the question here.
        key = load_pem_private_key(key_text[0].encode() + b"\n", None, unsafe_skip_rsa_key_validation=True)
        matches = key.public_key() == certificate.public_key()
        names = _names(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise BadPem("must hold a certificate and its private key in PEM") from error
    if not matches:
        raise BadPem("has a private key that is not the certificate's")
    if not any(_covers(name, host) for name in names):
        raise BadPem(f"is not for {host}")
    ends = int(certificate.not_valid_after_utc.timestamp()) * SECOND
    if ends <= now:
        raise BadPem("has run out")
    return ends


def _names(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = found.get_values_for_type(x509.IPAddress)
    return [*found.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _covers(name: str, host: str) -> bool:
    """Return whether a certificate's name is that of the host; a star is one label, the first."""
    name = name.lower()
    return name == host or (name.startswith("*.") and name[1:] == "." + host.partition(".")[2])
