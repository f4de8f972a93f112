"""Lists and lookups of the control API are searches in indexes, and nothing is sorted for a page, on both engines."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import apsw
import asyncpg
import pytest

from engines import PostgresEngine
from trunkline.app.products import migrations, products
from trunkline.core.storage.postgres_tx import numbered
from trunkline.products.messaging.compliance import reviews
from trunkline.products.messaging.links import domains
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.opt_outs import blocks
from trunkline.settings import Settings

TABLES = ("a2p_brands", "a2p_campaigns", "a2p_vettings", "tollfree_verifications")
SEARCHES = [
    (reviews._WAITING, [f"INDEX {table}_waiting" for table in TABLES]),
    (reviews._FIND, [f"SEARCH {table} USING INDEX sqlite_autoindex_{table}_1 (sid=?)" for table in TABLES]),
    (domains._PAGE, ["INDEX link_domains_by_account (account_sid=? AND (date_created,sid)>(?,?))"]),
    (domains._REMOVE, ["INDEX sqlite_autoindex_link_domains_1 (sid=?)"]),
    (domains._REMOVE_OF_ACCOUNT, ["INDEX sqlite_autoindex_link_domains_1 (sid=?)"]),
    (blocks._PAGE + blocks._NEWEST_FIRST, ["INDEX opt_outs_by_creation (account_sid=? AND "]),
    (
        blocks._PAGE + blocks._OF_SCOPE + blocks._NEWEST_FIRST,
        ["INDEX opt_outs_by_scope (account_sid=? AND scope=? AND "],
    ),
    (
        blocks._PAGE + blocks._OF_RECIPIENT + blocks._NEWEST_FIRST,
        ["INDEX opt_outs_by_recipient (account_sid=? AND recipient=? AND "],
    ),
    (
        blocks._PAGE + blocks._OF_SCOPE + blocks._OF_RECIPIENT + blocks._NEWEST_FIRST,
        ["(account_sid=? AND scope=? AND recipient=?)"],
    ),
    (inventory._PAGE, ["INDEX sqlite_autoindex_numbers_1 (number>?)"]),
    (inventory._PAGE_OF_ACCOUNT, ["INDEX numbers_by_account (account_sid=? AND number>?)"]),
]
_AFTER = "ROW(date_created, sid) > "
_BEFORE = "ROW(date_created, scope, recipient) < "
BOUNDS = [
    (reviews._WAITING, [_AFTER]),
    (reviews._WAITING_OF_ACCOUNT, [_AFTER]),
    (reviews._FIND, ["sid = "]),
    (domains._PAGE, ["account_sid = ", _AFTER]),
    (domains._REMOVE, ["sid = "]),
    (domains._REMOVE_OF_ACCOUNT, ["(sid = "]),
    (blocks._PAGE + blocks._NEWEST_FIRST, ["account_sid = ", _BEFORE]),
    (blocks._PAGE + blocks._OF_SCOPE + blocks._NEWEST_FIRST, ["opt_outs_by_scope", "(scope = ", _BEFORE]),
    (
        blocks._PAGE + blocks._OF_RECIPIENT + blocks._NEWEST_FIRST,
        ["opt_outs_by_recipient", "(recipient = ", _BEFORE],
    ),
    (
        blocks._PAGE + blocks._OF_SCOPE + blocks._OF_RECIPIENT + blocks._NEWEST_FIRST,
        ["account_sid = ", "(scope = ", "(recipient = "],
    ),
    (inventory._PAGE, ["number > "]),
    (inventory._PAGE_OF_ACCOUNT, ["account_sid = ", "number > "]),
]
"""The conditions by which PostgreSQL must search an index; the index's name, too, if another one has the same columns
in a worse order."""

SORTED = (reviews._WAITING, reviews._WAITING_OF_ACCOUNT)
"""Queries for which PostgreSQL sorts what waits in four tables; SQLite merges it."""

PLANNER = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off"
"""Without them PostgreSQL would scan and sort tables as small as those of tests, whatever indexes there are."""


@pytest.fixture(scope="module")
def postgres(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = PostgresEngine(postgres_server)
    yield engine.migrated_url(tmp_path_factory.mktemp("plans"), migrations(products(Settings.of())))
    engine.drop()


async def nodes(url: str, sql: str) -> list[dict[str, Any]]:
    """Return the nodes of PostgreSQL's plan."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(PLANNER)
        statement = await connection.prepare(numbered(sql)[0])
        values = ["x" if one.name == "text" else 1 for one in statement.get_parameters()]
        [found] = await statement.explain(*values)
    finally:
        await connection.close()
    rest, walked = [found["Plan"]], []
    while rest:
        walked.append(rest.pop())
        rest += walked[-1].get("Plans", [])
    return walked


@pytest.mark.parametrize(("sql", "bounds"), BOUNDS)
def test_postgresql_searches_an_index_for_each_query(postgres: str, sql: str, bounds: list[str]) -> None:
    found = asyncio.run(nodes(postgres, sql))
    scans = [node for node in found if node["Node Type"].endswith("Scan")]
    assert scans
    for node in scans:
        search = re.sub(r"\b\w+\.", "", f"{node.get('Index Name')} {node.get('Index Cond')}")
        assert all(bound in search for bound in bounds), node
    assert sql in SORTED or not any("Sort" in node["Node Type"] for node in found), found


@pytest.fixture(scope="module")
def connection() -> apsw.Connection:
    opened = apsw.Connection(":memory:")
    for migration in migrations(products(Settings.of())):
        for statement in migration.statements:
            opened.execute(statement)
    return opened


def plan(connection: apsw.Connection, sql: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize(("sql", "indexes"), SEARCHES)
def test_each_query_has_its_index(connection: apsw.Connection, sql: str, indexes: list[str]) -> None:
    steps = plan(connection, sql)
    for index in indexes:
        assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
    assert not any(step.startswith("SCAN") and "INDEX" not in step for step in steps), steps


def test_what_waits_of_an_account_is_found_by_the_account(connection: apsw.Connection) -> None:
    steps = plan(connection, reviews._WAITING_OF_ACCOUNT)
    for table in TABLES:
        assert any(step.startswith(f"SEARCH {table} ") and "account_sid=?" in step for step in steps), steps
