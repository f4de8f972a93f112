"""The command line inside the test process, in an empty working directory and with a clean environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engines import Engine
from servers import clean_environment
from trunkline.app.products import migrations, products
from trunkline.cli import build
from trunkline.settings import Settings

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Outcome:
    """The outcome of a command, and its output."""

    def __init__(self, code: int, out: str, err: str) -> None:
        # Some CI services ask for colours in everything.
        self.code, self.out, self.err = code, _COLOURS.sub("", out), _COLOURS.sub("", err)

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.out)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run ``trunkline`` with the arguments. Raise what is no expected end of a command."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)

    def run(*arguments: str) -> Outcome:
        result = CliRunner().invoke(build(arguments[0]), list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def new_data(cli: Cli, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data directory of a server that keeps its database in each engine in turn; nothing is in it
    yet, not even a table.
    """
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", database_url)
    return Path.cwd() / "data"


@pytest.fixture
def data(cli: Cli, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the same with the tables in place, which are made once: a command need not make them."""
    url = engine.migrated_url(tmp_path, migrations(products(Settings())))
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", url)
    return Path.cwd() / "data"
