"""The data of a node: master key, database and the proxy's CA, in the data directory or as configured."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from trunkline.app.products import master_key_check, migrations
from trunkline.core.blobs.files import FileBlobs
from trunkline.core.blobs.pieces import PieceBlobs
from trunkline.core.blobs.store import SweptBlobStore
from trunkline.core.clock import Clock, system_clock
from trunkline.core.secrets import BadMasterKey, Vault, load_or_create, load_or_create_key, parse_key
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database
from trunkline.core.storage.inspection import database_file
from trunkline.core.storage.open import open_clock, open_database
from trunkline.products.manifest import Manifest
from trunkline.settings import Settings
from trunkline.settings.server import check_operator_token
from trunkline.settings.values import BadSetting
from trunkline.switch.authority import Authority

MASTER_KEY_FILE = "master.key"
CA_DIRECTORY = "ca"
BLOBS_DIRECTORY = "blobs"
SDK_DIRECTORY = "sdk"
OPERATOR_TOKEN_FILE = "operator.token"  # noqa: S105
OTHERS = 0o077
"""The bits of a mode for all users but the owner."""

log = logging.getLogger("trunkline")


async def require_master_key(settings: Settings) -> None:
    """Raise BadMasterKey if the database has secrets and the master key is missing or another one, before anything is
    written: a new key beside secrets that it does not open would hide the loss. Raise StorageError, OSError."""
    path = settings.storage.data_dir / MASTER_KEY_FILE
    require = await master_key_check(settings.storage.url)
    if require is None:
        return
    shown = database_file(settings.storage.url) or "PostgreSQL"
    vault = present_vault(settings)
    named = "the configured master_key" if settings.storage.master_key else str(path)
    if vault is None:
        raise BadMasterKey(
            f"{path} is missing, and the database ({shown}) has secrets that no other key opens: restore it from a"
            " backup, or set master_key; nothing was changed"
        )
    try:
        require(vault)
    except BadMasterKey:
        raise BadMasterKey(
            f"{named} is not the key of this database ({shown}), whose secrets it does not open: restore the right"
            " key from a backup; nothing was changed"
        ) from None


def present_vault(settings: Settings) -> Vault | None:
    """Return the vault under the present master key, None if a start would make one. Raise BadMasterKey or OSError."""
    if settings.storage.master_key:
        return Vault(parse_key(settings.storage.master_key))
    try:
        return Vault(parse_key((settings.storage.data_dir / MASTER_KEY_FILE).read_text("latin-1")))
    except FileNotFoundError:
        return None


def secret_paths(settings: Settings) -> Iterator[tuple[Path, int]]:
    """Yield the existing files and directories whose contents are for the server's user alone, and the mode of each."""
    folder = settings.storage.data_dir
    directories = [folder / CA_DIRECTORY, folder / BLOBS_DIRECTORY]
    if not _is_shared(folder):
        directories.insert(0, folder)
    files = [folder / MASTER_KEY_FILE, folder / OPERATOR_TOKEN_FILE, folder / CA_DIRECTORY / "ca.key"]
    database = database_file(settings.storage.url)
    if database is not None:
        files += [database.with_name(database.name + end) for end in ("", "-wal", "-shm", ".lock")]
    yield from ((path, 0o700) for path in directories if os.path.isdir(path))
    yield from ((path, 0o600) for path in files if os.path.isfile(path))


def make_private(settings: Settings) -> None:
    """Close to other users what ``secret_paths`` yields, with a warning for each path that was open to them."""
    for path, mode in secret_paths(settings):
        if stat.S_IMODE(path.stat().st_mode) & OTHERS:
            try:
                path.chmod(mode)
            except OSError as error:
                log.warning("%s is open to other users, and cannot be closed: %s", path, error.strerror)
            else:
                log.warning("%s was open to other users; now it is its owner's alone", path)


def _is_shared(folder: Path) -> bool:
    """Return whether a directory has other uses, such as the working directory or /tmp: its mode is left alone."""
    found = folder.resolve()
    return found in (Path.cwd(), Path.home(), Path("/")) or bool(
        found.is_dir() and found.stat().st_mode & stat.S_ISVTX
    )


def open_vault(settings: Settings) -> Vault:
    """Return the vault under the configured master key, or under the one in the data directory, made on first use.
    Raise BadMasterKey or OSError if there is no usable key."""
    if settings.storage.master_key:
        return Vault(parse_key(settings.storage.master_key))
    settings.storage.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Vault(load_or_create_key(settings.storage.data_dir / MASTER_KEY_FILE))


def open_operator_token(settings: Settings) -> str:
    """Return the configured operator's token, or the one in the data directory, made on first use; an empty
    text, which is no token, if the file cannot be made. Raise OSError if it cannot be read, BadSetting for a bad one.
    """
    if settings.server.operator_token:
        return settings.server.operator_token
    settings.storage.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.storage.data_dir / OPERATOR_TOKEN_FILE
    try:
        token = load_or_create(path, new_token())
    except OSError as error:
        if os.path.lexists(path):
            raise
        log.warning("no operator's token: %s cannot be made: %s", path, error.strerror)
        return ""
    return parse_operator_token(path, token)


def parse_operator_token(path: Path, content: str) -> str:
    """Return the token of a file's content. Raise BadSetting, which names the file alone, if it is not one."""
    token = content.strip()
    try:
        # The option may be empty, a file may not.
        check_operator_token(token or " ")
    except ValueError as error:
        raise BadSetting(f"{path}: the operator's token {error}", "operator_token") from None
    return token


def open_storage(
    settings: Settings, manifests: Iterable[Manifest], clock: Clock | None = None, *, shared: bool = False
) -> Database:
    """Return the configured database with the tables of the products, not yet started; ``shared`` opens it beside a
    server that runs on it. Without ``clock`` it has the one that belongs to it. Raise StorageError for a bad address.
    """
    settings.storage.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = settings.storage.url
    return open_database(
        url,
        migrations(manifests),
        clock or open_clock(url),
        shared=shared,
        bounds=settings.storage.bounds(),
    )


def open_blobs(settings: Settings, database: Database, manifests: Sequence[Manifest]) -> SweptBlobStore:
    """Return the store of large contents: files of the data directory beside SQLite, rows on PostgreSQL."""
    references = [reference for manifest in manifests for reference in manifest.blob_references]
    if database.name == "sqlite":
        return FileBlobs(database, settings.storage.data_dir / BLOBS_DIRECTORY, references)
    return PieceBlobs(database, references)


def sdk_directory(settings: Settings) -> Path:
    """Return the folder of browser SDKs: the configured one, or the one in the data directory."""
    return Path(settings.server.sdk_dir or settings.storage.data_dir / SDK_DIRECTORY)


def open_authority(settings: Settings, clock: Clock = system_clock) -> Authority:
    """Return the CONNECT proxy's CA in the data directory, made on first use. Raise OSError if it cannot be read or
    written."""
    return Authority.open(settings.storage.data_dir / CA_DIRECTORY, clock=clock)
