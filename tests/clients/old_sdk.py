"""An environment of its own for the vendor's Python SDK 6.10, the strictest reader: it indexes every
documented key.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("twilio_6_10.txt")
FOLDER = Path(__file__).resolve().parents[2] / ".tools" / "clients"
"""Kept between sessions, outside what is committed."""

INSTALL_SECONDS = 600


def old_python() -> Path:
    """Return the interpreter of the environment, made when it is not there; workers may request it at the
    same time.

    Another Python, or a change of the requirements, makes another one. Raise AssertionError with pip's
    output.
    """
    key = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    version = f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    place = FOLDER / f"twilio-6.10-{version}-{key}"
    python, stamp = place / "bin" / "python", place / ".installed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file():
            _run(sys.executable, "-m", "venv", "--clear", str(place))
            _run(
                str(python),
                *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--requirement", str(REQUIREMENTS)),
            )
            stamp.touch()
    return python


def old_package(version: str) -> Path:
    """Return a folder with one version of the SDK and nothing it needs, for ``PYTHONPATH``; made as ``old_python``
    is.
    """
    pip, place = str(old_python()), FOLDER / f"twilio-{version}"
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / ".installed").is_file():
            _run(
                pip,
                *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
                *("--no-deps", "--upgrade", "--target", str(place), f"twilio=={version}"),
            )
            (place / ".installed").touch()
    return place


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
