"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from balance import pytest_collection_modifyitems, pytest_runtest_logreport, pytest_sessionfinish
from contract.node_project import begin_install
from engines import Engine, PostgresEngine, SqliteEngine, configured_postgres, postgres_url

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport", "pytest_sessionfinish"]

# The time of an example says more about the machine than about the code.
hypothesis.settings.register_profile("trunkline", deadline=None)
hypothesis.settings.load_profile("trunkline")

# Nearly all that is made until the tests begin stays: to search it for garbage is in vain.
gc.disable()


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this test session share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "session"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def postgres_server(session_folder: Path) -> Iterator[str]:
    """Yield the address of a PostgreSQL server; without one, tests are skipped, but fail where ``CI`` is set."""
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
    """Yield each storage engine in turn."""
    made: Engine
    if request.param == "sqlite":
        made = SqliteEngine(session_folder)
    else:
        made = PostgresEngine(request.getfixturevalue("postgres_server"))
    yield made
    made.drop()


@pytest.fixture
def database_url(engine: Engine, tmp_path: Path) -> str:
    """Return the address of a new, empty database on each engine in turn."""
    return engine.url(tmp_path)


def pytest_xdist_auto_num_workers() -> int:
    """Return two processes a core, as much of the time is spent on waiting for servers, clients and disks;
    eight at most.
    """
    return min(8, 2 * (os.cpu_count() or 1))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to install the Node project where all tests are run: it waits for the network while tests are collected."""
    all_tests = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if all_tests and not session.config.option.collectonly and "PYTEST_XDIST_WORKER" not in os.environ:
        begin_install()


def pytest_collection_finish() -> None:
    """Freeze what is loaded by now: the collector need not scan thousands of tests again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()
