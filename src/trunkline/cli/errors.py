"""Errors of commands: one message on standard error and exit code 1, no traceback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def fail(message: str) -> typer.Exit:
    """Print ``message`` to standard error and return the exit with code 1, to be raised."""
    typer.echo(f"trunkline: {message}", err=True)
    return typer.Exit(1)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Convert errors that the operator can correct to an exit with their message; others are bugs and pass."""
    from trunkline.core.nats_bus import BusUnreachable
    from trunkline.core.secrets import BadMasterKey
    from trunkline.core.storage.database import StorageError
    from trunkline.products.accounts.facade import AccountClosed, UnknownAccount
    from trunkline.settings.values import BadSetting
    from trunkline.switch.authority_files import AuthorityError

    try:
        yield
    except UnknownAccount as error:
        raise fail(f"there is no account {error}; `trunkline account list` shows them") from None
    except AccountClosed as error:
        raise fail(f"{error} is closed, and a closed account stays closed") from None
    except (StorageError, BadMasterKey, BusUnreachable, AuthorityError, BadSetting) as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(reason(error)) from None


def reason(error: OSError) -> str:
    """Return the machine's reason for an error, and the file, as a text for people."""
    if isinstance(error, socket.gaierror):
        return f"the host name is not known here: {error.strerror}"
    if error.errno == errno.EADDRNOTAVAIL:
        return "the host is no address of this machine"
    if isinstance(error, FileExistsError):
        return f"{error.filename} is not a directory"
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text
