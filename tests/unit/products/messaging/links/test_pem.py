"""Certificates as customers paste them."""

from __future__ import annotations

import datetime
import ipaddress
import random
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from trunkline.core.clock import SECOND
from trunkline.products.messaging.links.pem import BadPem, expiry

BEGINS = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ENDS = datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)
NOW = int(BEGINS.timestamp()) * SECOND
NAMES: list[x509.GeneralName] = [
    x509.DNSName("go.example.com"),
    x509.DNSName("*.Wide.example.com"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    x509.RFC822Name("mail.example.com"),
]


def pem(key: CertificateIssuerPrivateKeyTypes, form: serialization.PrivateFormat) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cn.example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEGINS)
        .not_valid_after(ENDS)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    parts = (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
    )
    return b"".join(parts).decode()


GOOD = pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8)


@pytest.mark.parametrize(
    ("key", "form"),
    [
        (rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.PKCS8),
        (rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.TraditionalOpenSSL),
        (ec.generate_private_key(ec.SECP384R1()), serialization.PrivateFormat.TraditionalOpenSSL),
        (ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8),
    ],
    ids=["rsa", "rsa as OpenSSL wrote it", "ec", "ed25519"],
)
def test_kinds_of_keys(key: CertificateIssuerPrivateKeyTypes, form: serialization.PrivateFormat) -> None:
    text = pem(key, form)
    ends = int(ENDS.timestamp()) * SECOND
    assert expiry(text, "go.example.com", NOW) == ends
    assert expiry("Bag Attributes\n" + text.replace("\n", "\r\n"), "go.example.com", NOW) == ends
    with pytest.raises(BadPem, match="not the certificate's"):
        expiry(text.partition("-----END CERTIFICATE-----")[0] + GOOD[GOOD.index("-----END CERT") :], "x", NOW)


@pytest.mark.parametrize("host", ["go.example.com", "a.wide.example.com", "192.0.2.1"])
def test_names_that_it_is_for(host: str) -> None:
    assert expiry(GOOD, host, NOW) > NOW


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "x.go.example.com",
        "wide.example.com",
        "a.b.wide.example.com",
        "192.0.2.2",
        "cn.example.com",
        "mail.example.com",
    ],
)
def test_names_that_it_is_not_for(host: str) -> None:
    with pytest.raises(BadPem, match="is not for"):
        expiry(GOOD, host, NOW)


def test_the_moment_at_which_it_runs_out() -> None:
    ends = int(ENDS.timestamp()) * SECOND
    assert expiry(GOOD, "go.example.com", ends - 1) == ends
    with pytest.raises(BadPem, match="has run out"):
        expiry(GOOD, "go.example.com", ends)


def test_whatever_else_comes_is_refused() -> None:
    dice = random.Random(7)
    for _ in range(300):
        text = bytearray(GOOD.encode())
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(text))
            match dice.randrange(3):
                case 0:
                    text[at] = dice.randrange(256)
                case 1:
                    del text[at : at + dice.randrange(80)]
                case _:
                    text[at:at] = text[dice.randrange(len(text)) :][: dice.randrange(200)]
        with suppress(BadPem):
            expiry(text.decode("latin-1"), "go.example.com", NOW)
    for text_ in ("", "\ud800", "-----BEGIN PRIVATE KEY-----" * 2000, GOOD[::-1]):
        with pytest.raises(BadPem):
            expiry(text_, "go.example.com", NOW)
