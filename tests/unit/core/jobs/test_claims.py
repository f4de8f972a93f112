"""Claims stay quick behind a large backlog: each is a search in its index, and nothing is sorted."""

from __future__ import annotations

import apsw
import pytest

from trunkline.core.jobs import claims, queue, schema

VALUES = ("now", "limit", "kind", "lane", "order_key", "id", "holder", "fence")
SEARCHES = [
    (claims._DUE, "INDEX jobs_to_run (due<?)"),
    (claims._PARKED, "INDEX jobs_parked (kind=? AND lane=?)"),
    (claims._NEXT_DUE, "INDEX jobs_to_run"),
    (claims._NEXT, "INDEX jobs_in_order (order_key=? AND state=?)"),
    (claims._READY, "INDEX jobs_in_order (order_key=? AND state=?)"),
    (queue._LAST, "INDEX jobs_in_order (order_key=? AND state=?)"),
    (claims._FINISH, "(id=?)"),
]


@pytest.mark.parametrize(("sql", "index"), SEARCHES)
def test_each_query_has_its_index(sql: str, index: str) -> None:
    connection = apsw.Connection(":memory:")
    for migration in schema.MIGRATIONS:
        for statement in migration.statements:
            connection.execute(statement)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(VALUES, 1))]
    assert any(index in step for step in plan), plan
    assert not any(step == "USE TEMP B-TREE FOR ORDER BY" or step == "SCAN jobs" for step in plan), plan
