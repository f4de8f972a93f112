"""The CA: what it may sign, that clients accept it, and how it lies on disk."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from trunkline.core.clock import SECOND
from trunkline.switch import authority as module
from trunkline.switch import authority_files, certificates
from trunkline.switch.authority import Authority
from trunkline.switch.authority_files import AuthorityError
from unit.switch.running import TIMEOUT, strict_context

DAY = 86400 * SECOND


class FixedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * SECOND

    def __call__(self) -> int:
        return self.now


def handshake(context: ssl.SSLContext, trusting: ssl.SSLContext, name: str) -> x509.Certificate:
    """Return the certificate that a client accepted for `name`; raise what the client raised."""
    here, there = socket.socketpair()
    for end in (here, there):
        end.settimeout(TIMEOUT)

    def serve() -> None:
        # A client that rejects the certificate breaks the handshake on this side, too.
        try:
            context.wrap_socket(there, server_side=True).close()
        except OSError:
            there.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        with trusting.wrap_socket(here, server_hostname=name) as tls:
            der = tls.getpeercert(binary_form=True)
    finally:
        here.close()
        server.join(TIMEOUT)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def test_a_strict_client_accepts_the_certificate_of_exactly_its_host(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path)
    context = authority.context_for("Sync.Twilio.com.")
    trusting = strict_context(tmp_path / "ca.pem")
    leaf = handshake(context, trusting, "sync.twilio.com")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("sync.twilio.com")]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(context, trusting, "chat.twilio.com")


def test_hosts_have_room_for_the_longest_name(tmp_path: Path) -> None:
    host = ".".join(["a" * 60] * 4)[:241] + ".twilio.com"
    context = Authority.open(tmp_path).context_for(host)
    assert handshake(context, strict_context(tmp_path / "ca.pem"), host).version is x509.Version.v3


def test_the_profile_of_the_authority(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(Authority.open(tmp_path).certificate_pem)
    assert certificate.subject.rfc4514_string() == "CN=Trunkline local CA"
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=3650) <= lifetime <= timedelta(days=3655)
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (
        True,
        True,
        False,
    )
    assert certificate.extensions.get_extension_for_class(x509.NameConstraints).critical
    assert certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def test_a_server_certificate_lasts_ninety_days_from_a_day_ago(tmp_path: Path) -> None:
    Authority.open(tmp_path)
    leaf = signed_with_the_key_in(tmp_path, "sync.twilio.com")
    now = datetime.now(UTC)
    assert abs(now - timedelta(days=1) - leaf.not_valid_before_utc) < timedelta(minutes=5)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=90)


def signed_with_the_key_in(directory: Path, host: str) -> x509.Certificate:
    return chain_with_the_key_in(directory, host)[1]


def chain_with_the_key_in(directory: Path, host: str) -> tuple[ssl.SSLContext, x509.Certificate]:
    """Return the most that a thief of the key can make: a certificate for any host at all."""
    now = datetime.now(UTC)
    key = authority_files.load_key(directory / "ca.key")
    ca = authority_files.load_certificate(directory / "ca.pem", key, now)
    leaf_key = certificates.new_key()
    leaf = certificates.server_certificate(host, leaf_key, (key, ca), now)
    chain = certificates.key_pem(leaf_key) + certificates.pem(leaf) + certificates.pem(ca)
    path = directory / "stolen.pem"
    path.write_bytes(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, leaf


@pytest.mark.parametrize("host", ["bank.example", "twilio.com.example", "eviltwilio.com"])
def test_a_stolen_key_impersonates_nothing_else(tmp_path: Path, host: str) -> None:
    Authority.open(tmp_path)
    context, _ = chain_with_the_key_in(tmp_path, host)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(context, strict_context(tmp_path / "ca.pem"), host)


def test_a_context_is_kept_and_minted_anew_thirty_days_before_its_end(tmp_path: Path) -> None:
    clock = FixedClock()
    authority = Authority.open(tmp_path, clock=clock)
    first = authority.context_for("sync.twilio.com")
    clock.now += 58 * DAY
    assert authority.context_for("SYNC.twilio.com") is first
    clock.now += 1 * DAY
    second = authority.context_for("sync.twilio.com")
    assert second is not first
    assert authority.context_for("sync.twilio.com") is second


def test_no_more_than_so_many_contexts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED_HOSTS", 2)
    authority = Authority.open(tmp_path)
    a, b = authority.context_for("a.twilio.com"), authority.context_for("b.twilio.com")
    assert authority.context_for("a.twilio.com") is a
    authority.context_for("c.twilio.com")
    assert authority.context_for("a.twilio.com") is a
    assert authority.context_for("b.twilio.com") is not b


@pytest.mark.parametrize("host", ["example.com", "twilio.com", "*.twilio.com", ""])
def test_other_hosts_are_not_minted(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="not a served name"):
        Authority.open(tmp_path).context_for(host)


def test_the_host_of_browser_sdks_is_covered(tmp_path: Path) -> None:
    context = Authority.open(tmp_path).context_for("media.twiliocdn.com")
    handshake(context, strict_context(tmp_path / "ca.pem"), "media.twiliocdn.com")


def test_a_certificate_of_an_older_version_is_made_anew_for_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as older:
        older.setattr(certificates, "SERVED_NAMES", ("twilio.com",))
        Authority.open(tmp_path)
    (tmp_path / "old.pem").write_bytes((tmp_path / "ca.pem").read_bytes())
    with caplog.at_level(logging.WARNING):
        authority = Authority.open(tmp_path)
    assert "for the same key" in caplog.text
    assert (tmp_path / "ca.pem").read_bytes() == authority.certificate_pem
    handshake(
        authority.context_for("media.twiliocdn.com"),
        strict_context(tmp_path / "ca.pem"),
        "media.twiliocdn.com",
    )
    # Who trusts the old one goes on with what it covers.
    trusting = strict_context(tmp_path / "old.pem")
    handshake(authority.context_for("sync.twilio.com"), trusting, "sync.twilio.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.context_for("media.twiliocdn.com"), trusting, "media.twiliocdn.com")
    assert Authority.open(tmp_path).certificate_pem == authority.certificate_pem


def test_a_certificate_that_cannot_be_replaced_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as older:
        older.setattr(certificates, "SERVED_NAMES", ("twilio.com",))
        Authority.open(tmp_path)

    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(authority_files, "replace_file", refuse)
    with caplog.at_level(logging.WARNING):
        authority = Authority.open(tmp_path)
    assert "cannot be replaced" in caplog.text
    handshake(
        authority.context_for("sync.twilio.com"), strict_context(tmp_path / "ca.pem"), "sync.twilio.com"
    )


def test_the_authority_is_made_once_and_found_again(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "here"
    old = os.umask(0)
    try:
        made = Authority.open(directory)
    finally:
        os.umask(old)
    assert sorted(path.name for path in directory.iterdir()) == ["ca.key", "ca.pem"]
    assert stat.S_IMODE((directory / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "ca.pem").stat().st_mode) == 0o644
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    key = (directory / "ca.key").read_bytes()
    found = Authority.open(directory)
    assert found.certificate_pem == made.certificate_pem == (directory / "ca.pem").read_bytes()
    assert (directory / "ca.key").read_bytes() == key
    context = made.context_for("sync.twilio.com")
    assert handshake(context, strict_context(directory / "ca.pem"), "sync.twilio.com")


def test_processes_that_race_get_one_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Everybody has found no key before anybody makes one.
    everybody = threading.Barrier(8)
    make = certificates.new_key

    def together() -> ec.EllipticCurvePrivateKey:
        everybody.wait(TIMEOUT)
        return make()

    monkeypatch.setattr(certificates, "new_key", together)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(Authority.open, [tmp_path] * 8))
    assert len({authority.certificate_pem for authority in opened}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.key", "ca.pem"]
    monkeypatch.undo()
    trusting = strict_context(tmp_path / "ca.pem")
    for authority in opened:
        assert handshake(authority.context_for("sync.twilio.com"), trusting, "sync.twilio.com")


def test_a_key_that_others_can_read_is_closed_to_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Authority.open(tmp_path)
    assert not caplog.records
    (tmp_path / "ca.key").chmod(0o640)
    Authority.open(tmp_path)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(tmp_path / "ca.key") in record.getMessage()


def test_files_that_are_no_pair_are_refused(tmp_path: Path) -> None:
    Authority.open(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(AuthorityError, match="does not belong to the key"):
        Authority.open(tmp_path)


@pytest.mark.parametrize("name", ["ca.key", "ca.pem"])
def test_files_that_are_damaged_are_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    Authority.open(tmp_path)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(AuthorityError, match=name):
        Authority.open(tmp_path)
    assert (tmp_path / name).read_bytes() == b""


def test_an_expired_authority_is_refused_and_its_last_certificates_end_with_it(tmp_path: Path) -> None:
    clock = FixedClock()
    authority = Authority.open(tmp_path, clock=clock)
    ca = x509.load_pem_x509_certificate(authority.certificate_pem)
    clock.now = (int(ca.not_valid_after_utc.timestamp()) - 1) * SECOND
    assert Authority.open(tmp_path, clock=clock).certificate_pem == authority.certificate_pem
    key = authority_files.load_key(tmp_path / "ca.key")
    last = certificates.server_certificate(
        "sync.twilio.com",
        certificates.new_key(),
        (key, ca),
        ca.not_valid_after_utc - timedelta(days=1),
    )
    assert last.not_valid_after_utc == ca.not_valid_after_utc
    clock.now += SECOND
    with pytest.raises(AuthorityError, match="expired"):
        Authority.open(tmp_path, clock=clock)
