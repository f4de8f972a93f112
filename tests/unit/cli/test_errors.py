"""The end of commands that cannot do their work."""

from __future__ import annotations

import errno
import socket

import pytest
import typer

from trunkline.cli.errors import exit_on_error, reason
from trunkline.core.nats_bus import BusUnreachable
from trunkline.core.secrets import BadMasterKey
from trunkline.core.storage.database import NewerDatabase
from trunkline.switch.authority_files import AuthorityError


@pytest.mark.parametrize(
    "error", [NewerDatabase("x y"), BadMasterKey("x y"), BusUnreachable("x y"), AuthorityError("x y")]
)
def test_what_the_operator_can_put_right_is_told_in_a_line(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, exit_on_error():
        raise error
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "trunkline: x y\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), exit_on_error():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("odd"), "odd"),
        (FileExistsError(errno.EEXIST, "File exists", "/x"), "/x is not a directory"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "the host is no address of this machine"),
        (socket.gaierror(socket.EAI_NONAME, "not known"), "the host name is not known here: not known"),
    ],
)
def test_what_the_machine_refuses_is_told_in_words(error: OSError, message: str) -> None:
    assert reason(error) == message
