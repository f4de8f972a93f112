"""The operator's token: configured, or in a file of the data directory that is made on first use."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from trunkline.app.data import OPERATOR_TOKEN_FILE, open_operator_token
from trunkline.settings import Settings
from trunkline.settings.values import BadSetting


def test_the_token_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings.of(data_dir=tmp_path / "data")
    token = open_operator_token(settings)
    file = tmp_path / "data" / OPERATOR_TOKEN_FILE
    assert len(token) == 32
    assert open_operator_token(settings) == token == file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / OPERATOR_TOKEN_FILE
    file.write_text("the-operators-own-token\n")
    file.chmod(0o644)
    assert open_operator_token(Settings.of(data_dir=tmp_path)) == "the-operators-own-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_file_there_is_no_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    assert open_operator_token(Settings.of(data_dir=tmp_path)) == ""
    assert f"{tmp_path / OPERATOR_TOKEN_FILE} cannot be made: Permission denied" in caplog.text


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / OPERATOR_TOKEN_FILE).mkdir(mode=0o700)
    with pytest.raises(OSError, match=r"operator\.token"):
        open_operator_token(Settings.of(data_dir=tmp_path))


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "with a space in it", "ü" * 16])
def test_a_weak_token_in_the_file_is_refused_without_being_shown(tmp_path: Path, token: str) -> None:
    file = tmp_path / OPERATOR_TOKEN_FILE
    file.write_text(f"{token}\n")
    with pytest.raises(BadSetting) as caught:
        open_operator_token(Settings.of(data_dir=tmp_path))
    assert str(caught.value) == (
        f"{file}: the operator's token must be at least 16 letters, digits or signs of ASCII, without spaces"
    )


def test_a_configured_token_needs_no_file(tmp_path: Path) -> None:
    token = "t" * 16
    assert open_operator_token(Settings.of(data_dir=tmp_path, operator_token=token)) == token
    assert not (tmp_path / OPERATOR_TOKEN_FILE).exists()


@pytest.mark.parametrize("token", ["short", "x" * 15, "with a space in it"])
def test_a_weak_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.of(operator_token=token)
    assert token not in str(caught.value)


def test_the_token_is_never_printed() -> None:
    assert "t" * 16 not in str(Settings.of(operator_token="t" * 16).printable())
