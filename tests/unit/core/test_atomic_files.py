"""Files that are whole or absent: their order on disk, what a failure leaves, and what is no regular file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trunkline.core.atomic_files import create_file, replace_file

Write = Callable[[Path, bytes], None]


def create(path: Path, content: bytes) -> None:
    create_file(path, content, 0o640)


BOTH = pytest.mark.parametrize("write", [create, replace_file])


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    old = os.umask(0o027)
    yield
    os.umask(old)


@BOTH
def test_a_file_is_written_with_its_mode_and_nothing_beside_it(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "x"
    write(path, b"content")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"content", 0o640)
    assert list(tmp_path.iterdir()) == [path]


@BOTH
def test_the_content_is_on_disk_before_its_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    steps: list[str] = []
    for name in ("fsync", "link", "rename"):
        real = getattr(os, name)

        def record(*arguments: Any, name: str = name, real: Any = real) -> Any:
            steps.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, record)
    write(tmp_path / "x", b"content")
    assert steps == ["fsync", "link" if write is create else "rename", "fsync"]


@BOTH
@pytest.mark.parametrize("failing", ["fsync", "link", "rename"])
def test_a_failure_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, failing: str
) -> None:
    if failing in {"link", "rename"} - {"link" if write is create else "rename"}:
        return

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="full"):
        write(tmp_path / "x", b"content")
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_an_error_names_the_file_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        write(Path("gone/x"), b"content")
    assert caught.value.filename == "gone/x"


def test_a_file_that_is_there_stays_or_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o604)
    create(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"old", 0o604)
    replace_file(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o604)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_in_a_directory_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if path == tmp_path:
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    replace_file(tmp_path / "x", b"content")
    assert (tmp_path / "x").read_bytes() == b"content"
    with pytest.raises(PermissionError):
        create_file(tmp_path / "y", b"content", 0o600)


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "x", tmp_path / "y"
    link.symlink_to(target)
    for content in (b"one", b"two"):
        replace_file(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    replace_file(path, b"content")
    reader.join(10)
    assert read == [b"content"]
    assert path.is_fifo()
