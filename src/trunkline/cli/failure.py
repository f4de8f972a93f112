"""How a command ends when it cannot do its work: one line on standard error and exit code 1, no traceback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def fail(message: str) -> typer.Exit:
    """Print ``message`` to standard error and answer the exit with code 1 to raise."""
    typer.echo(f"trunkline: {message}", err=True)
    return typer.Exit(1)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the operator can put right into an exit with its explanation; the rest is a bug and passes."""
    from trunkline.core.bus import BusUnreachable
    from trunkline.core.secrets import BadMasterKey
    from trunkline.core.storage.database import StorageError
    from trunkline.products.accounts.facade import UnknownAccount
    from trunkline.settings.values import BadSetting
    from trunkline.switch.authority_files import AuthorityError

    try:
        yield
    except UnknownAccount as error:
        raise fail(f"there is no account {error}; `trunkline account list` shows them") from None
    except (StorageError, BadMasterKey, BusUnreachable, AuthorityError, BadSetting) as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(reason(error)) from None


def reason(error: OSError) -> str:
    """What the machine refused, and for which file, in words."""
    if isinstance(error, socket.gaierror):
        return f"the host name is not known here: {error.strerror}"
    if error.errno == errno.EADDRNOTAVAIL:
        return "the host is no address of this machine"
    if isinstance(error, FileExistsError):
        return f"{error.filename} is not a directory"
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said
