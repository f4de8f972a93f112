"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from balance import pytest_collection_modifyitems, pytest_runtest_logreport, pytest_sessionfinish
from engines import Engine, PostgresEngine, SqliteEngine, configured_postgres, postgres_url

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport", "pytest_sessionfinish"]


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "session"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def postgres_server(session_folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL server; without one, tests are skipped, but fail where ``CI`` is set."""
    try:
        url = configured_postgres() or postgres_url(session_folder)
    except RuntimeError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    yield url
    PostgresEngine.drop_templates()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, session_folder: Path) -> Iterator[Engine]:
    """Each storage engine in turn."""
    made: Engine
    if request.param == "sqlite":
        made = SqliteEngine(session_folder)
    else:
        made = PostgresEngine(request.getfixturevalue("postgres_server"))
    yield made
    made.drop()


@pytest.fixture
def database_url(engine: Engine, tmp_path: Path) -> str:
    """The address of a new, empty database on each engine in turn."""
    return engine.url(tmp_path)


def pytest_xdist_auto_num_workers() -> int:
    """Two processes a core, as much of the time is spent on waiting for servers, clients and disks; eight at most."""
    return min(8, 2 * (os.cpu_count() or 1))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not look through thousands of tests again and again."""
    gc.collect()
    gc.freeze()
