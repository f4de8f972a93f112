"""The error of ``make`` for a program that is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from rules.source import ROOT


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    ended = subprocess.run(
        ["make", "-C", str(tmp_path), "PATH_UV=", "PYTHON=/wrong", "run"], capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "There is no program /wrong" in ended.stderr
    assert "python3-venv" not in ended.stderr
