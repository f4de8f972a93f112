"""Every table has a line in the registry of retention and one in the documentation, and the two agree."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator

from rules.source import ROOT, Source, report
from trunkline.app.products import migrations, products, retention
from trunkline.core.storage.migrate import REGISTER
from trunkline.core.storage.retention import Retention
from trunkline.settings import OPTIONS, Settings

PAGE = ROOT / "docs" / "operate.md"
_LINE = re.compile(r"\| `(?P<table>\w+)` \| (?P<words>.+) \|")


def registry() -> Retention:
    settings = Settings()
    return retention(settings, products(settings))


def schema() -> sqlite3.Connection:
    """Return a database with the whole schema; its statements run on SQLite as they are."""
    connection = sqlite3.connect(":memory:")
    # Python's SQLite may be older than the server's.
    connection.create_function("octet_length", 1, lambda text: len(text.encode()))
    connection.executescript(REGISTER)
    for step in migrations(products(Settings())):
        for statement in step.statements:
            connection.execute(statement)
    return connection


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> dict[str, int]:
    """Return the columns of a table with their places in its primary key, 0 for none."""
    return {row[1]: row[5] for row in connection.execute(f"PRAGMA table_info({table})")}


def test_every_table_is_named_once() -> None:
    names = [table.table for table in registry().tables]
    assert sorted(names) == sorted(tables(schema()))


def test_a_limit_by_a_later_column_spares_rows_of_the_version_before() -> None:
    # A server of the version before writes rows with the column's default, which is long ago.
    added = {
        found.groups()
        for step in migrations(products(Settings()))
        for one in step.statements
        if (found := re.match(r"\s*ALTER TABLE (\w+)\s+ADD COLUMN (\w+)", one))
    }
    limits = [
        (table.table, limit)
        for table in registry().tables
        for limit in table.limits
        if (table.table, getattr(limit, "column", "")) in added
    ]
    assert [table for table, _ in limits] == ["sticky_senders"]
    for table, limit in limits:
        assert ":before" in getattr(limit, "where", ""), table


def test_a_table_is_governed_by_its_own_columns_and_by_options_that_exist() -> None:
    connection = schema()
    for table in registry().tables:
        present = columns(connection, table.table)
        if table.limits or table.account:
            key = sorted((place, name) for name, place in present.items() if place)
            assert table.key == tuple(name for _, name in key), table.table
        for limit in table.limits:
            for name in (getattr(limit, "column", ""), getattr(limit, "size", "")):
                assert not name or name in present, (table.table, name)
            option = getattr(limit, "option", "")
            assert not option or OPTIONS[option].default >= 0
        for child, column in table.children:
            assert column in columns(connection, child)


def test_rows_of_an_account_go_with_it() -> None:
    """Require of each table with an account that it names its rows, or refers with a cascade to a table that does. The
    row of the account itself stays."""
    connection = schema()
    going = {table.table for table in registry().tables if table.account}
    parents = {
        table: {
            row[2] for row in connection.execute(f"PRAGMA foreign_key_list({table})") if row[6] == "CASCADE"
        }
        for table in tables(connection)
    }
    while below := {table for table in parents if parents[table] & going} - going:
        going |= below
    owned = {table for table in parents if "account_sid" in columns(connection, table)}
    assert not owned - going - {"accounts"}, "no line says how their rows go"


BOUNDED = {
    ("messaging_services", "advanced_opt_outs"): "a Service has one",
    ("messaging_services", "a2p_campaigns"): "a Service has one",
    ("messaging_services", "link_domain_services"): "a Service has one",
    ("a2p_brands", "a2p_brand_days"): "a brand has one",
}
"""By table and one below it: why few rows go with one of the first."""


def test_few_rows_go_with_one_of_an_account() -> None:
    """Require of each table below one whose rows go by their account that its rows go first, or are few."""
    connection = schema()
    found, gone = set(), set()
    for table in registry().tables:
        if not table.account:
            continue
        gone.add(table.table)
        if table.removes is not None:
            continue
        for below in tables(connection) - gone - {name for name, _ in table.children}:
            parents = {row[2] for row in connection.execute(f"PRAGMA foreign_key_list({below})")}
            if table.table in parents:
                found.add((table.table, below))
    assert found == set(BOUNDED)


WITHOUT_ACCOUNT = ("src/trunkline/core/jobs/removals.py", "src/trunkline/products/messaging/media/moving.py")
"""The modules whose jobs have no data of an account."""


def _jobs_without_account(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Job":
            named = "account_sid" in {one.arg for one in node.keywords}
            if not named and source.path not in WITHOUT_ACCOUNT:
                yield source.at(node.lineno, "a Job without account_sid")


def test_a_job_names_its_account() -> None:
    assert not (found := report(_jobs_without_account, "src")), found


def test_every_option_of_retention_governs_a_table() -> None:
    words = " ".join(table.words() for table in registry().tables)
    for name, option in OPTIONS.items():
        if option.group == "retention":
            assert f"`{name}`" in words, name


def test_the_documentation_has_the_table() -> None:
    documented = dict(_LINE.findall(PAGE.read_text("utf-8").split("### Retention", 1)[1].split("\n#", 1)[0]))
    assert documented == {table.table: table.words() for table in registry().tables}
