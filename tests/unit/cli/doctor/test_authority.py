"""The check of the CA."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trunkline.cli.doctor.authority import certificate, findings
from trunkline.cli.doctor.finding import Level
from trunkline.core.clock import SECOND
from trunkline.settings import Settings
from trunkline.switch.authority import Authority

MADE = datetime(2026, 1, 1, tzinfo=UTC)
END = MADE + timedelta(days=3653)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """Return a CA made on the first day of 2026."""
    Authority.open(tmp_path / "ca", clock=lambda: int(MADE.timestamp()) * SECOND)
    return tmp_path / "ca"


@pytest.mark.parametrize(
    ("now", "level"),
    [
        (MADE, Level.OK),
        (END - timedelta(days=31), Level.OK),
        (END - timedelta(days=30), Level.WARN),
        (END, Level.FAIL),
    ],
)
def test_a_certificate_expires(ca: Path, now: datetime, level: Level) -> None:
    found = certificate(ca, now)
    assert found.level is level
    assert f"{END:%Y-%m-%d}" in found.message


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
@pytest.mark.parametrize("content", ["", "x"])
def test_a_broken_file_fails(ca: Path, name: str, content: str) -> None:
    (ca / name).write_text(content)
    assert certificate(ca, MADE).level is Level.FAIL


def test_a_missing_key_fails(ca: Path) -> None:
    (ca / "ca.key").unlink()
    assert certificate(ca, MADE).level is Level.FAIL


def test_a_pair_that_is_none_fails(ca: Path, tmp_path: Path) -> None:
    Authority.open(tmp_path / "other")
    (ca / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    assert "does not belong" in certificate(ca, MADE).message


def test_a_ca_is_made_at_the_first_start(tmp_path: Path) -> None:
    assert [found.level for found in findings(Settings.of(data_dir=tmp_path))] == [Level.OK]
    assert list(tmp_path.iterdir()) == []


def test_without_the_proxy_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert findings(Settings.of(data_dir=tmp_path, proxy_port=-1)) == []
