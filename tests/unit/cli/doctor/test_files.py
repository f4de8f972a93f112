"""The checks of the data directory, the master key and the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.app.data import make_private, present_vault
from trunkline.cli.doctor import files, machine
from trunkline.cli.doctor.finding import Level
from trunkline.settings import Settings

KEY = "A" * 43 + "="


def test_a_data_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    assert files.directory(folder).level is Level.OK
    folder.chmod(0o750)
    found = files.directory(folder)
    assert (found.level, found.remedy) == (Level.WARN, f"chmod 700 {folder}")


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert files.directory(tmp_path / "data").level is Level.FAIL


def test_a_data_directory_that_cannot_be_written_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    assert files.directory(tmp_path).level is Level.FAIL
    found = files.directory(tmp_path / "data")
    assert (found.level, found.message) == (Level.FAIL, f"{tmp_path / 'data'} cannot be made in {tmp_path}")


def test_a_data_directory_is_made_at_the_first_start(tmp_path: Path) -> None:
    assert files.directory(tmp_path / "a" / "b").level is Level.OK
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "mode", "level"),
    [
        (KEY, 0o600, Level.OK),
        (KEY, 0o400, Level.OK),
        (KEY, 0o640, Level.WARN),
        ("", 0o600, Level.FAIL),
        ("A" * 40, 0o600, Level.FAIL),
        ("ü", 0o600, Level.FAIL),
    ],
)
def test_the_master_key_is_well_formed_and_private(
    tmp_path: Path, content: str, mode: int, level: Level
) -> None:
    path = tmp_path / "master.key"
    path.write_text(content)
    path.chmod(mode)
    assert files.key(Settings.of(data_dir=tmp_path)).level is level
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    ("content", "mode", "level"),
    [
        ("t" * 16, 0o600, Level.OK),
        ("t" * 16, 0o640, Level.WARN),
        ("t" * 15, 0o600, Level.FAIL),
        ("", 0o600, Level.FAIL),
    ],
)
def test_the_operators_token_is_well_formed_and_private(
    tmp_path: Path, content: str, mode: int, level: Level
) -> None:
    path = tmp_path / "operator.token"
    path.write_text(content)
    path.chmod(mode)
    found = files.operator_token(Settings.of(data_dir=tmp_path))
    assert found.level is level
    assert str(path) in found.message
    assert path.stat().st_mode & 0o777 == mode


def test_an_unreadable_operators_token_fails(tmp_path: Path) -> None:
    (tmp_path / "operator.token").mkdir()
    found = files.operator_token(Settings.of(data_dir=tmp_path))
    assert (found.level, found.message) == (Level.FAIL, f"{tmp_path / 'operator.token'}: Is a directory")


def test_a_missing_operators_token_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.of(data_dir=tmp_path)
    assert files.operator_token(settings).level is Level.OK
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert files.operator_token(settings).level is Level.WARN
    assert files.operator_token(Settings.of(operator_token="t" * 16)).message == "configured"


def test_a_configured_master_key_needs_no_file(tmp_path: Path) -> None:
    assert files.key(Settings.of(data_dir=tmp_path, master_key=KEY)).message == "configured"


def test_what_others_may_read_is_named_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    settings = Settings.of(data_dir=folder)
    assert files.private_files(settings).level is Level.OK
    names = ("trunkline.db", "trunkline.db-wal", "trunkline.db-shm", "trunkline.db.lock", "ca/ca.key")
    for directory in ("ca", "blobs"):
        (folder / directory).mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    for path in (folder, *(folder / name for name in ("ca", "blobs", *names))):
        path.chmod(0o755 if path.is_dir() else 0o644)
    found = files.private_files(settings)
    assert found.level is Level.WARN
    for name in ("ca", "blobs", *names):
        assert f"chmod {700 if (folder / name).is_dir() else 600} {folder / name}" in found.remedy
    make_private(settings)
    assert files.private_files(settings).level is Level.OK
    assert files.directory(folder).level is Level.OK


def test_a_directory_with_other_uses_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "master.key").touch(0o644)
    for mode, directory in ((0o755, tmp_path), (0o1777, tmp_path / "shared")):
        directory.mkdir(exist_ok=True)
        directory.chmod(mode)
        monkeypatch.chdir(tmp_path)
        make_private(Settings.of(data_dir=directory))
        assert directory.stat().st_mode & 0o7777 == mode
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_closed_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "master.key").touch(0o644)
    (tmp_path / "master.key").chmod(0o644)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    make_private(Settings.of(data_dir=tmp_path))
    assert f"{tmp_path / 'master.key'} is open to other users, and cannot be closed" in caplog.text


@pytest.mark.parametrize(
    ("content", "mode", "level"),
    [
        (None, 0, Level.OK),
        ("port = 9000", 0o644, Level.OK),
        ("operator_token = 'tttttttttttttttt'", 0o600, Level.OK),
        ("operator_token = 'tttttttttttttttt'", 0o640, Level.WARN),
        ("[storage]\ndatabase_url = 'postgresql://u:p@h/d'", 0o644, Level.WARN),
        ("[accounts]\nauth_token = ''", 0o644, Level.OK),
    ],
)
def test_a_config_file_with_secrets_is_for_its_owner_alone(
    tmp_path: Path, content: str | None, mode: int, level: Level
) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    found = files.configuration({"TRUNKLINE_CONFIG": str(path)} if content else {})
    assert found.level is level
    if level is Level.WARN:
        assert found.remedy == f"chmod 600 {path}"


def test_a_missing_master_key_is_not_made(tmp_path: Path) -> None:
    assert present_vault(Settings.of(data_dir=tmp_path)) is None
    assert files.key(Settings.of(data_dir=tmp_path)).level is Level.OK
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("free", "level"), [(0, Level.FAIL), (100, Level.WARN), (1023, Level.WARN), (1024, Level.OK)]
)
def test_space_runs_out(free: int, level: Level) -> None:
    assert machine.space(free * machine.MIB).level is level


@pytest.mark.parametrize(
    ("version", "level"), [((3, 10), Level.FAIL), ((3, 11), Level.OK), ((3, 14), Level.OK)]
)
def test_python_is_new_enough(version: tuple[int, int], level: Level) -> None:
    assert machine.python(version).level is level


@pytest.mark.parametrize(
    ("kind", "level"),
    [("ext4", Level.OK), ("nfs4", Level.FAIL), ("tmpfs", Level.WARN), ("overlay", Level.OK)],
)
def test_the_file_system_keeps_data(kind: str, level: Level) -> None:
    assert machine.disk(kind).level is level


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    mounts = "a / ext4 rw 0 0\nb /srv nfs4 rw 0 0\nc /srv/my\\040data tmpfs rw 0 0\nd /srv nfs rw 0 0\n"
    assert machine.file_system(Path("/srv2/x"), mounts) == "ext4"
    assert machine.file_system(Path("/srv/x"), mounts) == "nfs"
    assert machine.file_system(Path("/srv/my data/x"), mounts) == "tmpfs"
    assert machine.file_system(Path("/srv"), "") == ""
