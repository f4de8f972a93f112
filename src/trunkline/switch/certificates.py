"""X.509 profiles of the CA and of its server certificates (RFC 5280), without disk and clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVED_NAMES = ("twilio.com", "media.twiliocdn.com")
"""The names that the CA may sign for, with those below them: the API's hosts, and the host of browser SDKs (client)."""
AUTHORITY_NAME = "Trunkline local CA"
AUTHORITY_DAYS = 3653
"""Ten years, with their leap days."""
SERVER_DAYS = 90

# Clients whose clock is behind ours must accept a certificate that was issued just now.
_BACKDATED = timedelta(days=1)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key on P-256, the curve that every TLS client supports."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate in PEM."""
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the private key in PEM (PKCS #8), not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """Return the CA's own certificate, for ten years.

    It may sign server certificates only, no further CA, and only for the served names: a stolen key can
    impersonate nothing else. IP addresses are excluded explicitly because a constraint on one kind of name
    leaves the other kinds unconstrained.
    """
    name = _name(AUTHORITY_NAME)
    usage = _usage(signs_certificates=True)
    return (
        _builder(name, name, key.public_key(), now)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_name_constraints(), critical=True)
        .sign(key, hashes.SHA256())
    )


def permits_served_names(certificate: x509.Certificate) -> bool:
    """Return whether a CA's certificate lets it sign for all served names, unlike one of an older version."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return True
    permitted = {name.value for name in found.permitted_subtrees or () if isinstance(name, x509.DNSName)}
    return permitted >= set(SERVED_NAMES)


def server_certificate(
    host: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate],
    now: datetime,
) -> x509.Certificate:
    """Return a certificate for exactly `host`: 90 days from a day ago, never beyond its issuer's own end."""
    issuer_key, authority = issuer
    start = now - _BACKDATED
    end = min(start + timedelta(days=SERVER_DAYS), authority.not_valid_after_utc)
    authority_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    # The host is in the alternative name only: a common name has at most 64 characters.
    return (
        _builder(_name("Trunkline server"), authority.subject, key.public_key(), now)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _name_constraints() -> x509.NameConstraints:
    return x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(name) for name in SERVED_NAMES],
        excluded_subtrees=[x509.IPAddress(IPv4Network("0.0.0.0/0")), x509.IPAddress(IPv6Network("::/0"))],
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
