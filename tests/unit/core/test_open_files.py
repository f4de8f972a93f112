"""The watch over open files: one line a spell."""

from __future__ import annotations

import errno
import logging
import os

import pytest

from trunkline.core.open_files import CALM_CHECKS, OpenFiles


def test_running_out_of_files_is_logged_once_a_spell(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> int:
        raise OSError(error, os.strerror(error))

    def checks(number: int) -> list[str]:
        caplog.clear()
        for _ in range(number):
            files.check()
        return [record.levelname for record in caplog.records]

    files, error = OpenFiles(), errno.EMFILE
    caplog.set_level(logging.INFO, "trunkline.server")
    assert checks(20) == []
    with monkeypatch.context() as patched:
        patched.setattr(os, "dup", fail)
        assert checks(20) == ["ERROR"]
        assert "Too many open files" in caplog.text or not caplog.records
    assert checks(CALM_CHECKS - 1) == []
    files.exhausted(OSError(errno.ENFILE, "again"))
    assert checks(CALM_CHECKS + 5) == ["WARNING"]
    files.exhausted(OSError(errno.ENFILE, "another spell"))
    assert "another spell" in caplog.text
    error = errno.EBADF
    monkeypatch.setattr(os, "dup", fail)
    assert checks(CALM_CHECKS) == ["WARNING"]
