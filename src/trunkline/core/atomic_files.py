"""Files that are written whole or not at all, also if the machine fails in between.

The content is written to a file beside the final one and synced, that file gets the final name, and the directory is
synced. A crash leaves the old content or the new one, and perhaps the file beside it, whose name ends in ``.part``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def create_file(path: Path, content: bytes, mode: int) -> None:
    """Create a file with exactly ``mode``, unless there is one, which stays. Raise OSError."""
    with _written_aside(path, content, mode) as aside:
        # Unlike a rename, a link never replaces what another process has created meanwhile.
        with suppress(FileExistsError):
            os.link(aside, path)
        sync_directory(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in place of the one that is there, whose mode stays; write to one that is not regular, such as a
    FIFO. Raise OSError."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    if path.is_symlink():
        # The link stays.
        path = path.resolve()
    with _written_aside(path, content, path.stat().st_mode & 0o777 if path.exists() else None) as aside:
        os.rename(aside, path)
        # Who may write to a directory need not be allowed to read it, as a sync must.
        with suppress(PermissionError):
            sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raise OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _written_aside(path: Path, content: bytes, mode: int | None) -> Iterator[Path]:
    """Yield a durable file in the directory of ``path``, and remove it at the end if it is still there. Without a
    ``mode`` it has that of any new file."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        yield aside
    finally:
        aside.unlink(missing_ok=True)
