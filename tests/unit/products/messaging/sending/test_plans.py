"""Sending stays quick behind a large backlog and beside large pools: each query is a search in its index, nothing is
sorted, and no value makes SQLite plan anew."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import apsw
import pytest

from trunkline.app.data import open_storage
from trunkline.app.products import products
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.message_queue import Step
from trunkline.products.messaging.senders import candidates
from trunkline.settings import Settings

_POOL = f"{candidates._SELECT} WHERE s.service_sid = :service_sid AND s.account_sid = :account_sid"
SEARCHES = [
    (message_queue._DUE_BY_STEP[Step.SCHEDULED], "INDEX message_queue_scheduled_by_due (due<?)"),
    (message_queue._DUE_BY_STEP[Step.CHOOSE], "INDEX message_queue_choosing_by_due (due<?)"),
    (message_queue._NEXT_BY_STEP[Step.SCHEDULED], "INDEX message_queue_scheduled_by_due"),
    (message_queue._EXPIRED, "INDEX message_queue_by_expiry (expires<?)"),
    (message_queue._LANE, "INDEX message_queue_by_lane (lane=? AND step=?)"),
    (message_queue._LANE_MESSAGES, "INDEX sqlite_autoindex_messages_1 (sid=?)"),
    (_POOL, "(service_sid=? AND account_sid=?)"),
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    settings = Settings.of(data_dir=tmp_path_factory.mktemp("plans"))

    async def make() -> None:
        database = open_storage(settings, products(settings))
        await database.start()
        await database.stop()

    asyncio.run(make())
    opened = apsw.Connection(settings.storage.url.removeprefix("sqlite:///"))
    yield opened
    opened.close()


@pytest.mark.parametrize(("sql", "index"), SEARCHES)
def test_each_query_has_its_index(connection: apsw.Connection, sql: str, index: str) -> None:
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(index in step for step in plan), plan
    assert not any("TEMP B-TREE" in step or step == "SCAN message_queue" for step in plan), plan
