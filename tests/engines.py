"""The storage engines as tests use them: fresh databases on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from trunkline.core.clock import Clock, system_clock
from trunkline.core.storage.database import Database
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.open import open_database
from trunkline.core.storage.postgres_address import PostgresBounds

POSTGRES_VARIABLE = "TRUNKLINE_TEST_POSTGRES_URL"
"""Names a server to use instead of an own one; its user must be allowed to create databases."""

T = TypeVar("T")

_held: list[IO[str]] = []


class Engine(Protocol):
    """A maker of databases for one test."""

    name: str

    def url(self, folder: Path) -> str:
        """Return the address of a new, empty database."""
        ...

    def migrated_url(self, folder: Path, migrations: Sequence[Migration]) -> str:
        """Return the address of a new database with its schema in place: quicker than migrating one for each
        test.
        """
        ...

    def drop(self) -> None:
        """Delete the databases that were handed out and are not in a test's own folder."""
        ...


class SqliteEngine:
    """Implements ``Engine`` with files; ``templates`` is the folder for migrated ones."""

    name = "sqlite"
    _templates: dict[tuple[Migration, ...], Path] = {}  # noqa: RUF012

    def __init__(self, templates: Path) -> None:
        self._folder = templates

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / uuid4().hex}.db"

    def migrated_url(self, folder: Path, migrations: Sequence[Migration]) -> str:
        key = tuple(migrations)
        if key not in self._templates:
            url = self.url(self._folder)
            _run(_migrate(url, key))
            self._templates[key] = _path(url)
        url = self.url(folder)
        shutil.copyfile(self._templates[key], _path(url))
        return url

    def drop(self) -> None:
        pass


class PostgresEngine:
    """Implements ``Engine`` on the server at ``admin_url``."""

    name = "postgresql"
    _templates: dict[tuple[str, tuple[Migration, ...]], str] = {}  # noqa: RUF012
    _administrators: dict[str, Administrator] = {}  # noqa: RUF012

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._made: list[str] = []

    def url(self, folder: Path) -> str:
        return self._create("template1")

    def migrated_url(self, folder: Path, migrations: Sequence[Migration]) -> str:
        key = (self._admin_url, tuple(migrations))
        if key not in self._templates:
            name = f"template_{uuid4().hex}"
            self._execute(f"CREATE DATABASE {name}")
            _run(_migrate(self._address(name), migrations))
            self._templates[key] = name
        return self._create(self._templates[key])

    def drop(self) -> None:
        while self._made:
            self._execute(f"DROP DATABASE {self._made.pop()} WITH (FORCE)")

    @classmethod
    def drop_templates(cls) -> None:
        """Delete what ``migrated_url`` keeps; matters on a server that outlives the session."""
        while cls._templates:
            (admin_url, _), name = cls._templates.popitem()
            cls(admin_url)._execute(f"DROP DATABASE {name}")
        while cls._administrators:
            cls._administrators.popitem()[1].close()

    def _create(self, template: str) -> str:
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}{self._administrator().copies}")
        self._made.append(name)
        return self._address(name)

    def _address(self, name: str) -> str:
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{name}"))

    def _execute(self, statement: str) -> None:
        self._administrator().execute(statement)

    def _administrator(self) -> Administrator:
        if self._admin_url not in self._administrators:
            self._administrators[self._admin_url] = Administrator(self._admin_url)
        return self._administrators[self._admin_url]


class Administrator:
    """A session for statements about whole databases, on a thread of its own. It is kept: a login costs as much as such
    a statement."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self.copies = " STRATEGY file_copy" if self._run(self._knows_strategies()) else ""
        """The end of a statement that makes a database by copying the files of its template; pages one by one and
        through the log are the default, at more than twice the price."""

    def execute(self, statement: str) -> None:
        """Run a statement."""
        self._run(self._execute(statement))

    def close(self) -> None:
        """End session and thread."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._session is None or self._session.is_closed():
            self._session = await asyncpg.connect(self._url)
        return self._session

    async def _knows_strategies(self) -> bool:
        return (await self._open()).get_server_version() >= (15,)

    async def _execute(self, statement: str) -> None:
        await (await self._open()).execute(statement)

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()


@asynccontextmanager
async def opened(
    url: str,
    migrations: Sequence[Migration],
    clock: Clock = system_clock,
    bounds: PostgresBounds | None = None,
) -> AsyncIterator[Database]:
    """Yield the database at ``url``, started, and stopped in the end."""
    database = open_database(url, migrations, clock, bounds=bounds)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


def postgres_url(folder: Path) -> str:
    """Return the address of a server that the test processes with the same ``folder`` share, started when
    needed.

    Raise RuntimeError when it cannot be started. It ends with the last of the processes, however that ends.
    """
    with (folder / "start.lock").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        users = (folder / "users.lock").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        _held.append(users)
        address = folder / "url"
        if not address.exists():
            _start_keeper(folder)
        return address.read_text()


def _start_keeper(folder: Path) -> None:
    log = folder / "keeper.log"
    with log.open("w") as errors:
        keeper = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("postgres_keeper.py"), folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # An interrupt from the keyboard is for the tests alone; the keeper follows when they are gone.
            start_new_session=True,
        )
    assert keeper.stdout is not None
    with keeper.stdout as output:
        if output.read() != b"ready\n":
            raise RuntimeError(f"no PostgreSQL server for the tests: {log.read_text()[-2000:]}")
    keeper.returncode = 0  # It outlives this process; nobody waits for it.


def configured_postgres() -> str | None:
    """Return the server that the environment names, if any."""
    return os.environ.get(POSTGRES_VARIABLE)


async def _migrate(url: str, migrations: Sequence[Migration]) -> None:
    async with opened(url, migrations):
        pass


def _run(work: Any) -> None:
    """Run a coroutine to its end from anywhere, inside a running event loop too."""
    runner: Callable[[Awaitable[None]], None] = asyncio.run  # type: ignore[assignment]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(runner, work).result()


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
