"""The data of a node: master key, database and the proxy's CA, in the data directory or as configured."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from trunkline.app.products import migrations
from trunkline.core.blobs.files import FileBlobs
from trunkline.core.blobs.pieces import PieceBlobs
from trunkline.core.blobs.store import SweptBlobStore
from trunkline.core.clock import Clock, system_clock
from trunkline.core.secrets import Vault, load_or_create, load_or_create_key, parse_key
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database
from trunkline.core.storage.open import open_database
from trunkline.products.manifest import Manifest
from trunkline.settings import Settings
from trunkline.settings.server import check_operator_token
from trunkline.settings.values import BadSetting
from trunkline.switch.authority import Authority

MASTER_KEY_FILE = "master.key"
CA_DIRECTORY = "ca"
BLOBS_DIRECTORY = "blobs"
OPERATOR_TOKEN_FILE = "operator.token"  # noqa: S105

log = logging.getLogger("trunkline")


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
    settings: Settings, manifests: Iterable[Manifest], clock: Clock = system_clock, *, shared: bool = False
) -> Database:
    """Return the configured database with the tables of the products, not yet started; ``shared`` opens it beside a
    server that runs on it. Raise StorageError for a bad address."""
    settings.storage.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_database(settings.storage.url, migrations(manifests), clock, shared=shared)


def open_blobs(settings: Settings, database: Database, manifests: Sequence[Manifest]) -> SweptBlobStore:
    """Return the store of large contents: files of the data directory beside SQLite, rows on PostgreSQL."""
    references = [reference for manifest in manifests for reference in manifest.blob_references]
    if database.name == "sqlite":
        return FileBlobs(database, settings.storage.data_dir / BLOBS_DIRECTORY, references)
    return PieceBlobs(database, references)


def open_authority(settings: Settings) -> Authority:
    """Return the CONNECT proxy's CA in the data directory, made on first use. Raise OSError if it cannot be read or
    written."""
    return Authority.open(settings.storage.data_dir / CA_DIRECTORY)
