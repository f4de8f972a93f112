"""The checks of the data directory, and of the files of the master key and of the operator's token."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from trunkline.app.data import (
    MASTER_KEY_FILE,
    OPERATOR_TOKEN_FILE,
    OTHERS,
    parse_operator_token,
    present_vault,
    secret_paths,
)
from trunkline.cli.doctor.finding import DoctorFinding, failed, ok, warned
from trunkline.cli.doctor.machine import nearest
from trunkline.core.secrets import BadMasterKey
from trunkline.settings import Settings
from trunkline.settings.loading import secrets_in_file, settings_file
from trunkline.settings.values import BadSetting


def findings(settings: Settings) -> list[DoctorFinding]:
    """Check everything in the order of printing."""
    return [
        directory(settings.storage.data_dir),
        key(settings),
        operator_token(settings),
        private_files(settings),
        configuration(),
    ]


def directory(path: Path) -> DoctorFinding:
    """Check the data directory: present, writable, private to its owner."""
    name = "data dir"
    if not path.exists():
        above = nearest(path)
        if _writable(above):
            return ok(name, f"{path} is made at the first start")
        return failed(
            name, f"{path} cannot be made in {above}", f"make it, or allow this user to write {above}"
        )
    if not path.is_dir():
        return failed(name, f"{path} is not a directory", "move the file away, or choose another data_dir")
    if not _writable(path):
        return failed(name, f"{path} is not writable for this user", f"chown it to user {os.getuid()}")
    if _open_to_others(path):
        return warned(name, f"{path} is open to other users", f"chmod 700 {path}")
    return ok(name, f"{path.absolute()} is writable, for its owner alone")


def key(settings: Settings) -> DoctorFinding:
    """Check the master key: readable, well-formed, private to its owner."""
    name, path = "master key", settings.storage.data_dir / MASTER_KEY_FILE
    if not settings.storage.master_key and not _exists(path):
        return ok(name, f"{path} is made at the first start")
    try:
        present_vault(settings)
    except OSError as error:
        return failed(name, f"{path}: {error.strerror}", "let the server's user read it")
    except (BadMasterKey, UnicodeDecodeError) as error:
        return failed(name, str(error), "restore the key from a backup: without it stored secrets are lost")
    if settings.storage.master_key:
        return ok(name, "configured")
    if _open_to_others(path):
        return warned(name, f"{path} is open to other users", f"chmod 600 {path}")
    return ok(name, f"{path} is readable, for its owner alone")


def operator_token(settings: Settings) -> DoctorFinding:
    """Check the operator's token: readable, well-formed, private to its owner."""
    name, path = "operator token", settings.storage.data_dir / OPERATOR_TOKEN_FILE
    if settings.server.operator_token:
        return ok(name, "configured")
    if not _exists(path):
        if _writable(nearest(path)):
            return ok(name, f"{path} is made at the first start")
        return warned(
            name, f"{path} cannot be made", "configure operator_token: without it there is no operator"
        )
    try:
        parse_operator_token(path, path.read_text("latin-1"))
    except OSError as error:
        return failed(name, f"{path}: {error.strerror}", "let the server's user read it")
    except BadSetting as error:
        return failed(name, str(error), "remove the file: the next start makes a new one")
    if _open_to_others(path):
        return warned(name, f"{path} is open to other users", f"chmod 600 {path}")
    return ok(name, f"{path} is readable, for its owner alone")


def private_files(settings: Settings) -> DoctorFinding:
    """Check that no other user may read the database, the CA's key and the attachments."""
    name = "private files"
    checked_apart = (MASTER_KEY_FILE, OPERATOR_TOKEN_FILE)
    found = [
        (path, mode)
        for path, mode in secret_paths(settings)
        if path.name not in checked_apart and path != settings.storage.data_dir and _open_to_others(path)
    ]
    if found:
        remedy = "; ".join(f"chmod {mode:o} {path}" for path, mode in found)
        return warned(
            name,
            f"{', '.join(str(path) for path, _ in found)}: open to other users",
            f"{remedy}; the next start of the server does it, too",
        )
    return ok(name, "database, CA key and attachments are their owner's alone")


def configuration(environment: Mapping[str, str] = os.environ) -> DoctorFinding:
    """Check that no other user may read a file of settings with secrets."""
    name = "config file"
    path = settings_file(environment)
    if path is None:
        return ok(name, "none")
    given = secrets_in_file(environment)
    if given and _open_to_others(path):
        return warned(name, f"{path} is open to other users and has {', '.join(given)}", f"chmod 600 {path}")
    return ok(name, f"{path} shows no secret to other users")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK)


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)
