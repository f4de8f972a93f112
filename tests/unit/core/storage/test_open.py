"""Addresses and the engines that they open."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from trunkline.core.clock import system_clock
from trunkline.core.storage.database import StorageError
from trunkline.core.storage.open import open_database


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////tmp/x.db", "sqlite"),
        ("sqlite:///x.db", "sqlite"),
        ("postgresql://u:p@host/db", "postgresql"),
        ("postgres://host/db", "postgresql"),
    ],
)
def test_address_names_its_engine(url: str, name: str) -> None:
    assert open_database(url, (), system_clock).name == name


@pytest.mark.parametrize(
    "url", ["", "x.db", "sqlite://x.db", "sqlite:///", "sqlite:", "mysql://u:secret@host/db", "postgresql://"]
)
def test_other_addresses_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(StorageError, match=r"sqlite:///relative/path.*postgresql://") as caught:
        open_database(url, (), system_clock)
    assert "secret" not in str(caught.value)


def test_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("trunkline.core.storage.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(StorageError, match=r"trunkline\[cluster\]"):
        open_database("postgresql://host/db", (), system_clock)


def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(url: str) -> None:
        database = open_database(url, (), system_clock)
        await database.start()
        await database.stop()

    monkeypatch.chdir(tmp_path)
    asyncio.run(start("sqlite:///new/folder/a.db"))
    asyncio.run(start(f"sqlite:///{tmp_path}/b.db"))
    assert (tmp_path / "new" / "folder" / "a.db").is_file()
    assert (tmp_path / "b.db").is_file()
