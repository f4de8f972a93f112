"""Lists and lookups of the control API are searches in indexes, and nothing is sorted for a page."""

from __future__ import annotations

import re

import apsw
import pytest

from trunkline.app.products import migrations, products
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
