"""Passwords and certificates in files."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from trunkline.core.storage.database import StorageError
from trunkline.core.storage.postgres_address import parse_address
from trunkline.core.storage.postgres_login import password_for, tls_arguments
from trunkline.switch.authority import Authority

LOGIN = ("db", 5432, "x", "u")


@pytest.fixture(autouse=True)
def no_other_passwords(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.delenv("PGPASSFILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def password(rest: str, login: tuple[str, int, str, str] = LOGIN) -> str:
    return password_for(parse_address(f"postgresql://{rest}"), login)


def written(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def test_the_address_comes_first_then_its_file_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "secret", "from the file\r\n", 0o444)
    written(tmp_path / ".pgpass", "*:*:*:*:from pgpass\n")
    assert password("db/x") == "from pgpass"
    monkeypatch.setenv("PGPASSWORD", "from the environment")
    assert password(f"u:here@db/x?password_file={file}") == "here"
    assert password(f"db/x?password_file={file}") == "from the file"
    assert password("db/x") == "from the environment"
    assert password(f"db/x?passfile={tmp_path / '.pgpass'}") == "from the environment"


@pytest.mark.parametrize(
    ("line", "login", "found"),
    [
        ("db:5432:x:u:secret", LOGIN, "secret"),
        ("*:*:*:*:secret", LOGIN, "secret"),
        ("db:5433:x:u:secret", LOGIN, ""),
        ("db:5432:x:other:secret", LOGIN, ""),
        ("db:5432:x:u", LOGIN, ""),
        ("#db:5432:x:u:secret", LOGIN, ""),
        ("localhost:5432:x:u:secret", ("/run/postgresql", 5432, "x", "u"), "secret"),
        ("localhost:5432:x:u:secret", ("", 5432, "x", "u"), "secret"),
        (r"\:\:1:5432:x:u:se\:cr\\et", ("::1", 5432, "x", "u"), r"se:cr\et"),
        ("db:5432:x:u:with:colons", LOGIN, "with:colons"),
    ],
)
def test_lines_of_a_passfile(
    line: str, login: tuple[str, int, str, str], found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "passes", f"other:*:*:*:wrong\n{line}\n*:*:*:*:\n")
    assert password(f"db/x?passfile={file}", login) == found
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert password("db/x", login) == found


def test_a_file_that_others_may_read_is_refused_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "passes", "*:*:*:*:hush\n", 0o644)
    with pytest.raises(StorageError, match="open to other users: its mode must be 600") as caught:
        password(f"db/x?passfile={file}")
    assert "hush" not in str(caught.value)
    monkeypatch.setenv("PGPASSFILE", str(file))
    with pytest.raises(StorageError, match="open to other users: its mode must be 600") as caught:
        password("db/x")
    assert "hush" not in str(caught.value)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    with pytest.raises(StorageError, match=r"variable PGPASSFILE: .*none cannot be read: No such"):
        password("db/x")
    assert password("u:here@db/x") == "here"


def test_the_file_of_the_home_directory_is_left_out_where_others_may_read_it(tmp_path: Path) -> None:
    written(tmp_path / ".pgpass", "*:*:*:*:hush\n", 0o644)
    assert password("db/x") == ""


@pytest.mark.parametrize("name", ["password_file", "passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl"])
def test_a_file_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    address = parse_address(f"postgresql://u@db/x?{name}={tmp_path}/none")
    with pytest.raises(
        StorageError, match=f"{name} of the PostgreSQL address: .*none cannot be read: No such"
    ):
        tls_arguments(address) if name.startswith("ssl") else password_for(address, LOGIN)


def test_a_password_file_must_be_text(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match="is no text"):
        password(f"db/x?password_file={tmp_path}/secret")


def revocations(path: Path, cert: Path, key: Path) -> Path:
    """Write an empty list of what an authority revoked."""
    authority = x509.load_pem_x509_certificate(cert.read_bytes())
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    made = x509.CertificateRevocationListBuilder(authority.subject, now, now + timedelta(days=1))
    path.write_bytes(made.sign(private, SHA256()).public_bytes(Encoding.PEM))
    return path


def test_certificates_are_checked_before_the_login(tmp_path: Path) -> None:
    Authority.open(tmp_path / "ca")
    cert, key = tmp_path / "ca" / "ca.pem", tmp_path / "ca" / "ca.key"
    assert cert.exists()

    def tls(parameters: str) -> dict[str, object]:
        return tls_arguments(parse_address(f"postgresql://u@db/x?{parameters}"))

    assert tls("") == {}
    assert tls("sslmode=require") == {"dsn": "postgresql://?sslmode=require"}
    assert "sslkey" in str(tls(f"sslmode=verify-full&sslrootcert={cert}&sslcert={cert}&sslkey={key}")["dsn"])
    context = tls(f"sslrootcert=system&sslcert={cert}&sslkey={key}")["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    revoked = revocations(tmp_path / "crl.pem", cert, key)
    found = tls(
        f"sslrootcert=system&sslcrl={revoked}&sslnegotiation=direct"
        "&ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.3"
    )
    context = found["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.minimum_version, context.maximum_version) == (
        ssl.TLSVersion.TLSv1_3,
        ssl.TLSVersion.TLSv1_3,
    )
    assert ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN in context.verify_flags
    assert context.cert_store_stats()["crl"] == 1
    assert found["direct_tls"] is True
    with pytest.raises(StorageError, match="sslcrl of the PostgreSQL address has no certificates"):
        tls(f"sslrootcert=system&sslcrl={written(tmp_path / 'none', 'nothing')}")
    with pytest.raises(StorageError, match=r"ssl_min_protocol_version .* is above its maximum"):
        tls("ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2")
    with pytest.raises(StorageError, match=r"sslrootcert=system .* needs sslmode=verify-full"):
        tls("sslmode=require&sslrootcert=system")
    with pytest.raises(StorageError, match="sslrootcert of the PostgreSQL address has no certificates"):
        tls(f"sslrootcert={written(tmp_path / 'none', 'nothing')}")
    with pytest.raises(StorageError, match=r"sslcert, sslkey and sslpassword .* do not fit each other"):
        tls(f"sslcert={cert}&sslkey={tmp_path / 'none'}")
