"""Commands on a database whose master key is missing, or another one: they write nothing, and name the file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from trunkline.app.data import require_master_key
from trunkline.app.node import Node
from trunkline.core.secrets import BadMasterKey
from trunkline.settings.loading import load
from unit.cli.conftest import Cli

COMMANDS = (
    ("account", "list"),
    ("account", "create"),
    ("key", "create", "--account", "AC" + "0" * 32),
    ("token", "check", "x"),
    ("number", "list"),
    ("jobs", "list"),
    ("ca",),
    ("env", "--proxy-port", "8081"),
    ("doctor", "--port", "0", "--proxy-port", "0"),
)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of every file."""
    return {
        str(path): (path.stat().st_mode, b"" if path.is_dir() else path.read_bytes())
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("key", [None, "A" * 43 + "="])
def test_nothing_is_written_without_the_right_key(cli: Cli, data: Path, key: str | None) -> None:
    async def run() -> None:
        node = Node(load({}))
        await node.start()
        await node.stop()

    asyncio.run(run())
    (data / "operator.token").unlink()
    path = data / "master.key"
    path.unlink()
    if key is not None:
        path.write_text(key)
        path.chmod(0o600)
    before = contents(data)
    for command in COMMANDS:
        ended = cli(*command)
        assert ended.code == 1, command
        assert "data/master.key" in ended.out + ended.err, command
        assert contents(data) == before, command
    assert cli("config").code == 0
    with pytest.raises(BadMasterKey, match=r"data/master\.key"):
        asyncio.run(require_master_key(load({})))
    assert contents(data) == before


def test_a_database_that_is_all_in_its_log_is_read_too(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def run() -> None:
        node = Node(load({}))
        await node.start()
        for name in ("trunkline.db", "trunkline.db-wal"):
            (tmp_path / name).write_bytes((data / name).read_bytes())
        await node.stop()

    asyncio.run(run())
    for name in ("trunkline.db", "trunkline.db-wal"):
        (tmp_path / name).rename(data / name)
    (data / "master.key").unlink()
    before = contents(data)
    assert cli("account", "list").code == 1
    assert contents(data) == before


def test_a_configured_key_of_another_database_is_named(cli: Cli, data: Path) -> None:
    assert cli("account", "create").code == 0
    ended = cli("account", "list", "--master-key", "A" * 43 + "=")
    assert (ended.code, "the configured master_key is not the key" in ended.err) == (1, True)
