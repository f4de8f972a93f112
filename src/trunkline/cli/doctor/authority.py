"""The checks of the CONNECT proxy's CA."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trunkline.app.data import CA_DIRECTORY
from trunkline.cli.doctor.finding import DoctorFinding, failed, ok, warned
from trunkline.core.clock import SECOND, Clock, system_clock
from trunkline.settings import Settings

EARLY = timedelta(days=30)

_RENEW = "delete ca.key and ca.pem; the next start makes new ones, which clients have to be given"


def findings(settings: Settings, clock: Clock = system_clock) -> list[DoctorFinding]:
    """Check the CA, unless the proxy is switched off."""
    if settings.server.proxy_port < 0:
        return []
    return [
        certificate(settings.storage.data_dir / CA_DIRECTORY, datetime.fromtimestamp(clock() // SECOND, UTC))
    ]


def certificate(directory: Path, now: datetime) -> DoctorFinding:
    """Check the pair in ``directory``: readable, belonging together, and not expired."""
    name, pem, key = "CA", directory / "ca.pem", directory / "ca.key"
    try:
        if not pem.exists():
            return ok(name, f"{pem} is made at the first start")
        found = x509.load_pem_x509_certificate(pem.read_bytes())
        if load_pem_private_key(key.read_bytes(), password=None).public_key() != found.public_key():
            return failed(
                name, f"{pem} does not belong to the key beside it", "restore the pair, or delete both"
            )
    except (OSError, ValueError, TypeError) as error:
        return failed(
            name, f"{directory} cannot be used: {error}", "let the user read it, or restore the pair"
        )
    end = found.not_valid_after_utc
    if now >= end:
        return failed(name, f"expired on {end:%Y-%m-%d}", _RENEW)
    if now >= end - EARLY:
        return warned(name, f"expires on {end:%Y-%m-%d}", _RENEW)
    return ok(name, f"{pem} is valid until {end:%Y-%m-%d}")
