"""``trunkline sdk``: filling the folder of browser SDKs, and what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unit.cli.conftest import Cli


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Return a folder with an installed package."""
    package = tmp_path / "node_modules/twilio-sync"
    (package / "builds").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"name": "twilio-sync", "version": "3.0.6"}))
    (package / "builds/twilio-sync.min.js").write_text("bundle")
    return tmp_path / "node_modules"


def test_a_package_is_copied_and_listed(cli: Cli, modules: Path, tmp_path: Path) -> None:
    assert "trunkline sdk fetch node_modules" in cli("sdk", "list").out
    assert cli("sdk", "list", "--json").json == []
    fetched = cli("sdk", "fetch", str(modules))
    assert fetched.code == 0
    assert "/sdk/js/sync/releases/3.0.6/" in fetched.out
    assert (tmp_path / "data/sdk/js/sync/releases/3.0.6/twilio-sync.min.js").read_text() == "bundle"
    assert cli("sdk", "list").out == fetched.out
    assert cli("sdk", "list", "--json").json == [
        {"name": "sync", "version": "3.0.6", "files": ["twilio-sync.min.js"]}
    ]


def test_the_folder_is_an_option(cli: Cli, modules: Path, tmp_path: Path) -> None:
    assert cli("sdk", "fetch", "--sdk-dir", str(tmp_path / "scripts"), str(modules)).code == 0
    assert (tmp_path / "scripts/js/sync/releases/3.0.6/twilio-sync.min.js").is_file()


def test_folders_without_a_bundle_are_named(cli: Cli, modules: Path, tmp_path: Path) -> None:
    missing = cli("sdk", "fetch", str(tmp_path / "nowhere"))
    assert (missing.code, missing.err) == (1, f"trunkline: there is no folder {tmp_path / 'nowhere'}\n")
    (modules / "twilio-sync/builds/twilio-sync.min.js").unlink()
    empty = cli("sdk", "fetch", str(modules))
    assert empty.code == 1
    assert "no browser bundle of twilio-sync, twilio-chat, twilio-common is in" in empty.err
    assert "npm install twilio-sync" in empty.err


def test_a_folder_that_cannot_be_written_is_an_error(cli: Cli, modules: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sdk").write_text("a file")
    refused = cli("sdk", "fetch", str(modules))
    assert refused.code == 1
    assert refused.err.startswith("trunkline: ")
    assert "Traceback" not in refused.err
