"""The vault, and the file of its master key."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest

from trunkline.core import secrets
from trunkline.core.secrets import BadMasterKey, Vault, load_or_create_key, parse_key, same

KEY = bytes(range(32))


def test_a_sealed_secret_opens_and_does_not_show() -> None:
    vault = Vault(KEY)
    sealed = vault.seal("AC1/auth_token", "s3cret ключ")
    assert b"s3cret" not in sealed
    assert Vault(KEY).open("AC1/auth_token", sealed) == "s3cret ключ"
    assert sealed != vault.seal("AC1/auth_token", "s3cret ключ")


def test_a_secret_opens_neither_in_another_place_nor_with_another_key() -> None:
    sealed = Vault(KEY).seal("AC1/auth_token", "x")
    for vault, label in ((Vault(KEY), "AC2/auth_token"), (Vault(bytes(32)), "AC1/auth_token")):
        with pytest.raises(BadMasterKey):
            vault.open(label, sealed)


def test_no_byte_can_be_changed_or_taken_away() -> None:
    vault = Vault(KEY)
    sealed = vault.seal("label", "x" * 20)
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for broken in [*changed, *(sealed[:end] for end in range(len(sealed))), sealed + b"\x00"]:
        with pytest.raises(BadMasterKey):
            vault.open("label", broken)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadMasterKey):
        Vault(bytes(length))
    with pytest.raises(BadMasterKey):
        parse_key(base64.b64encode(bytes(length)).decode())


@pytest.mark.parametrize("text", ["", "not base64!", "ключ", "AAAA"])
def test_a_key_that_is_not_base64_of_32_bytes_is_refused(text: str) -> None:
    with pytest.raises(BadMasterKey):
        parse_key(text)


def test_a_key_is_read_from_its_text() -> None:
    assert parse_key(f" {base64.b64encode(KEY).decode()}\n") == KEY


@pytest.mark.parametrize(
    ("one", "other", "equal"), [("a", "a", True), ("a", "b", False), ("a", "aa", False), ("ü", "ü", True)]
)
def test_secrets_are_compared(one: str, other: str, equal: bool) -> None:
    assert same(one, other) is equal


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_key(path) == key
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_a_key_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = load_or_create_key(path)
    path.chmod(0o644)
    assert load_or_create_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_only_its_owner_may_read_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "master.key"
    key = load_or_create_key(path)
    path.chmod(0o400)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(Path, "chmod", refuse)
    assert load_or_create_key(path) == key


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"short"])
def test_a_key_file_with_something_else_in_it_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    with pytest.raises(BadMasterKey):
        load_or_create_key(path)
    assert path.read_bytes() == content


def test_of_two_that_make_the_file_at_once_both_get_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, keys = tmp_path / "master.key", list[bytes]()
    both_late, fsync = threading.Barrier(2), secrets.os.fsync

    def wait_for_the_other(descriptor: int) -> None:
        fsync(descriptor)
        both_late.wait(10)

    monkeypatch.setattr(secrets.os, "fsync", wait_for_the_other)
    makers = [threading.Thread(target=lambda: keys.append(load_or_create_key(path))) for _ in range(2)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(keys) == 2
    assert keys[0] == keys[1] == load_or_create_key(path)
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]
