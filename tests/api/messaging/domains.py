"""Domains of short links: as the operator gives them, their certificates, and visits over them."""

from __future__ import annotations

import datetime

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.conftest import ACCOUNT_SID, OPERATOR, Api

CONTROL = "/_trunkline/domains"
LINKS = "/messaging/v1/LinkShortening"
NAME = "go.example.com"


def give(api: Api, name: str = NAME, account: str = ACCOUNT_SID) -> str:
    """Give an account a domain; return its SID."""
    response = api.post(CONTROL, {"Name": name, "AccountSid": account}, auth=OPERATOR)
    assert response.status_code == 201, response.text
    sid: str = response.json()["sid"]
    return sid


def associate(api: Api, domain_sid: str, service_sid: str) -> httpx.Response:
    """Lead the Service's links over the domain."""
    return api.post(f"{LINKS}/Domains/{domain_sid}/MessagingServices/{service_sid}")


def visit(
    api: Api, path: str, host: str = NAME, method: str = "GET", agent: str = "Phone/1.0"
) -> httpx.Response:
    """Return the response that a phone gets over a domain, without credentials."""
    response: httpx.Response = api.run(
        api._http.request(
            method, path, auth=None, headers={"Host": host.encode(), "User-Agent": agent.encode()}
        )
    )
    return response


KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(*names: str, ends: datetime.datetime, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """Return a certificate for ``names`` in PEM."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "links")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - datetime.timedelta(days=90))
        .not_valid_after(ends)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def private_key(
    key: ec.EllipticCurvePrivateKey = KEY,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    password: bytes = b"",
) -> str:
    """Return a private key in PEM."""
    sealing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, sealing).decode()


def in_days(api: Api, days: int) -> datetime.datetime:
    """Return a time by the node's clock, in whole seconds."""
    now = datetime.datetime.fromtimestamp(api.clock.now // 1_000_000, datetime.UTC)
    return now + datetime.timedelta(days=days)
