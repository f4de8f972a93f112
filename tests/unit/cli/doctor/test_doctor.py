"""``trunkline doctor`` as a whole."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from threading import Thread

import apsw
import asyncpg
import pytest

from engines import PostgresEngine
from trunkline.app.node import Node
from trunkline.app.products import migrations, products
from trunkline.cli.doctor.database import connections, time
from trunkline.core.clock import SECOND, Clock, system_clock
from trunkline.core.database_clock import DatabaseClock, RoundTrip
from trunkline.core.storage.inspection import Inspection, inspect_database
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.open import open_database
from trunkline.settings import Settings
from trunkline.settings.loading import load
from unit.cli.conftest import Cli


@pytest.fixture(autouse=True)
def ports(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no fixed ports."""
    monkeypatch.setenv("TRUNKLINE_PORT", "0")
    monkeypatch.setenv("TRUNKLINE_PROXY_PORT", "0")


def levels(cli: Cli, *flags: str) -> dict[str, str]:
    """Return the level of each finding."""
    ended = cli("doctor", "--json", *flags)
    found = {finding["name"]: finding["level"] for finding in ended.json["findings"]}
    assert ended.json["ok"] == ("fail" not in found.values()) == (ended.code == 0)
    return found


def finding(cli: Cli, name: str, *flags: str) -> tuple[str, str, str]:
    """Return level, message and remedy of one finding."""
    for one in cli("doctor", "--json", *flags).json["findings"]:
        if one["name"] == name:
            return one["level"], one["message"], one["remedy"]
    raise AssertionError(f"no finding {name}")


def start_once() -> None:
    """Let a node run once with the settings of the environment."""

    async def run() -> None:
        node = Node(load({}))
        await node.start()
        await node.stop()

    asyncio.run(run())


def test_weak_durability_fails_and_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    start_once()
    assert finding(cli, "durability")[0] == "ok"
    path = str(tmp_path / "data" / "trunkline.db")
    connection = apsw.Connection(path)
    connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    connection.close()
    for _ in "twice":
        assert finding(cli, "durability")[:2] == ("fail", "journal_mode is delete")


def test_before_the_first_start_all_is_well_and_nothing_is_made(cli: Cli, tmp_path: Path) -> None:
    assert set(levels(cli).values()) <= {"ok", "warn"}
    assert list(tmp_path.iterdir()) == []


def test_after_a_start_all_is_well(cli: Cli, new_data: Path) -> None:
    start_once()
    cli("ca")
    found = levels(cli)
    names = (
        "database",
        "schema",
        "secrets",
        "integrity",
        "private files",
        "config file",
        "clock",
        "master key",
        "data dir",
        "CA",
        "bus",
    )
    assert {name: found[name] for name in names} == dict.fromkeys(names, "ok")


def test_it_shows_the_size_of_each_table_and_what_governs_it(cli: Cli, new_data: Path) -> None:
    assert "table" not in levels(cli)
    start_once()
    shown = {
        one["message"].partition(":")[0]: one["message"]
        for one in cli("doctor", "--json", "--closed-account-days", "9").json["findings"]
        if one["name"] == "table"
    }
    assert "alerts" not in shown, "a table without rows"
    assert re.fullmatch(
        r"accounts: 1 rows, [\d.]+ KB; kept: for ever; what a closed one has, "
        r"at most 9 days \(closed_account_days\)",
        shown["accounts"],
    )


def test_while_a_node_runs_all_is_well(cli: Cli, data: Path) -> None:
    async def beside() -> dict[str, str]:
        node = Node(load({}))
        await node.start()
        try:
            return await asyncio.to_thread(levels, cli)
        finally:
            await node.stop()

    assert asyncio.run(beside())["secrets"] == "ok"


def test_people_get_lines_with_what_to_do(cli: Cli) -> None:
    ended = cli("doctor", "--port", "x")
    assert ended.code == 1
    assert ended.out == (
        "fail  settings      port (flag --port) must be a whole number\n"
        "                    -> put the value right; `trunkline serve --help` explains it\n"
    )
    assert cli("doctor").out.startswith("ok    settings      all values can be used\n")


def test_a_typing_error_in_a_variable_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_PROT", "1")
    level, message, remedy = finding(cli, "settings")
    assert (level, message) == ("warn", "the environment sets what is no option: TRUNKLINE_PROT")
    assert remedy.startswith("did you mean TRUNKLINE_PORT?")
    monkeypatch.delenv("TRUNKLINE_PROT")
    monkeypatch.setenv("TRUNKLINE_ZZZ", "1")
    assert finding(cli, "settings")[2].startswith("remove them;")


def test_a_secret_in_the_address_is_not_printed(cli: Cli) -> None:
    for url in (
        "postgresql://me:hush@127.0.0.1:1/db",
        "postgresql://me:hush@[/db",
        "mysql://me:hush@host/db",
    ):
        ended = cli("doctor", "--json", "--database-url", url)
        assert ended.code == 1
        assert "hush" not in ended.out + ended.err


def test_another_master_key_fails(cli: Cli, data: Path) -> None:
    start_once()
    key = data / "master.key"
    kept = key.read_text()
    key.unlink()
    level, message, _ = finding(cli, "secrets")
    assert (level, f"{key.relative_to(Path.cwd())} is missing" in message) == ("fail", True)
    assert not key.exists()
    key.write_text("A" * 43 + "=")
    key.chmod(0o600)
    assert finding(cli, "secrets")[0] == "fail"
    assert "is not the key of this database" in finding(cli, "secrets")[1]
    assert finding(cli, "secrets", "--master-key", kept)[0] == "ok"


def test_a_damaged_page_fails(cli: Cli, tmp_path: Path) -> None:
    start_once()
    path = tmp_path / "data" / "trunkline.db"
    assert finding(cli, "integrity")[:2] == ("ok", "no damage was found")
    connection = apsw.Connection(str(path))
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'sync_items'").get
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    files = sorted(path.parent.iterdir())
    level, message, remedy = finding(cli, "integrity")
    assert (level, f"page {page}" in message) == ("fail", True), message
    assert "restore a backup" in remedy
    assert sorted(path.parent.iterdir()) == files


def test_a_damaged_attachment_fails(cli: Cli, tmp_path: Path) -> None:
    start_once()
    connection = apsw.Connection(str(tmp_path / "data" / "trunkline.db"))
    connection.execute("INSERT INTO blobs VALUES ('aa11', 7, 0), ('bb22', 7, 0), ('cc33', 7, 0)")
    connection.close()
    for key, content in (("aa11", b"content"), ("bb22", b"con")):
        path = tmp_path / "data" / "blobs" / key[:2] / key
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    level, message, _ = finding(cli, "integrity")
    assert level == "fail"
    assert message.split("; ") == [
        "the attachment data/blobs/bb/bb22 has 3 of 7 bytes",
        "the attachment data/blobs/cc/cc33 is missing",
    ]


def test_an_invalid_index_and_an_unreadable_table_fail(
    cli: Cli, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = PostgresEngine(postgres_server)
    url = engine.migrated_url(tmp_path, _migrations())
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", url)
    assert finding(cli, "integrity")[0] == "ok"

    async def damage() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'jobs_to_run'::regclass"
        )
        path = await connection.fetchval("SELECT pg_relation_filepath('sandbox_messages')")
        folder = await connection.fetchval("SHOW data_directory")
        await connection.close()
        Path(folder, path).unlink()

    asyncio.run(damage())
    level, message, _ = finding(cli, "integrity")
    assert level == "fail"
    assert "the index jobs_to_run is invalid" in message
    assert "the table sandbox_messages cannot be read: " in message
    engine.drop()


def test_a_newer_database_fails_and_is_left_alone(cli: Cli, new_data: Path, database_url: str) -> None:
    _migrate(database_url, [*_migrations(), Migration("later", 1, ("CREATE TABLE later (x TEXT)",))])
    level, message, remedy = finding(cli, "schema")
    assert (level, "newer version" in message) == ("fail", True)
    assert "version of Trunkline that wrote it" in remedy
    assert "secrets" not in levels(cli)


def test_due_migrations_are_told_and_not_applied(cli: Cli, new_data: Path, database_url: str) -> None:
    everything = _migrations()
    _migrate(database_url, everything[:1])
    for _ in "twice":
        level, message, _remedy = finding(cli, "schema")
        assert (level, message) == ("warn", f"{len(everything) - 1} of {len(everything)} migrations are due")


def test_a_clock_behind_the_database_fails(cli: Cli, new_data: Path, database_url: str) -> None:
    _migrate(database_url, _migrations(), ahead=3600)
    level, message, _ = finding(cli, "clock")
    assert level == "fail"
    assert message.endswith(" s before the database's last migration")


@pytest.mark.parametrize(
    ("ahead", "level", "shown"),
    [
        (0, "ok", "fits the database"),
        (3.2, "warn", "it is 3.2 s ahead of the database's: a node here is not ready"),
        (
            -90,
            "warn",
            "it is 90.0 s behind the database's: a node here is not ready, and does no work that falls due",
        ),
    ],
)
def test_a_clock_that_differs_from_postgresqls_is_shown(ahead: float, level: str, shown: str) -> None:
    clock = DatabaseClock(lambda: int((10_000 + ahead) * SECOND), lambda: 0)

    async def read(steady: Clock) -> RoundTrip:
        return RoundTrip(steady(), 10_000 * SECOND, steady())

    asyncio.run(clock.measure(read))
    applied = {("jobs", 1): 9_000 * SECOND}
    # The other checks may take long: what the machine's clock shows after them proves nothing.
    found = time(20_000 * SECOND, Inspection(applied, [], clock))
    assert (found.level.value, found.message) == (level, shown)
    found = time(0, Inspection({("jobs", 1): 10_007 * SECOND}, [], clock))
    assert found.message == "it is 7 s before the database's last migration"


def test_doctor_measures_the_clock_of_postgresql(postgres_server: str) -> None:
    inspection = asyncio.run(inspect_database(postgres_server))
    assert inspection.clock is not None
    assert time(0, inspection).message == "fits the database"


def test_a_file_that_is_no_database_fails(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "trunkline.db").write_text("x" * 4096)
    level, message, _ = finding(cli, "database")
    assert (level, "not a database" in message) == ("fail", True)


def test_a_port_is_taken_or_switched_off(cli: Cli) -> None:
    def hang_up() -> None:
        listener.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=hang_up)
        thread.start()
        result = finding(cli, "API port", "--port", str(listener.getsockname()[1]))
        thread.join()
    assert result[0] == "fail"
    assert result[1].endswith("is used by another program")
    assert finding(cli, "proxy port", "--proxy-port", "-1")[:2] == ("ok", "switched off")


def test_json_and_lines_say_the_same(cli: Cli) -> None:
    findings = cli("doctor", "--json").json["findings"]
    shown = cli("doctor").out
    for one in findings:
        if one["name"] != "disk space":
            assert one["message"] in shown


def _migrations() -> list[Migration]:
    return migrations(products(Settings()))


def _migrate(url: str, wanted: list[Migration], ahead: int = 0) -> None:
    async def run() -> None:
        database = open_database(url, wanted, lambda: system_clock() + ahead * SECOND)
        await database.start()
        await database.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("allowed", "level", "shown"),
    [
        (97, "ok", "a node opens up to 14, PostgreSQL allows 97: enough for 6 nodes"),
        (14, "ok", "a node opens up to 14, PostgreSQL allows 14: enough for 1 node"),
        (13, "fail", "a node opens up to 14, PostgreSQL allows 13"),
    ],
)
def test_the_connections_that_nodes_need_are_shown(allowed: int, level: str, shown: str) -> None:
    found = connections(Settings().storage.bounds().connections, allowed)
    assert (found.level.value, found.message) == (level, shown)


def test_doctor_counts_the_connections_that_postgresql_allows(postgres_server: str) -> None:
    engine = PostgresEngine(postgres_server)
    url = engine.url(Path())
    name = url.partition("?")[0].rpartition("/")[2]
    plain = asyncio.run(inspect_database(url)).connections
    assert plain is not None
    engine._execute(f"ALTER DATABASE {name} CONNECTION LIMIT 7")
    assert asyncio.run(inspect_database(url)).connections == 7
    engine.drop()
