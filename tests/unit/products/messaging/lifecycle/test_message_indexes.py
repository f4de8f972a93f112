"""The indexes of messages: what a change of a message costs, and a query by the rare one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines import Engine
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Tx
from trunkline.core.storage.retention import DAY
from trunkline.products.messaging.compliance import deactivations
from unit.app.test_retention import ACCOUNT, NOW, World, on
from unit.app.test_retention_costs import insert_series, metered

COLUMNS = "SELECT group_concat(name) FROM pragma_index_info(:name)"
INDEXES = (
    "SELECT group_concat(name || ' ' || coalesce(sql, '')) FROM sqlite_schema WHERE tbl_name = 'messages'"
)
IN_PLACE = "SELECT pg_stat_get_xact_tuples_hot_updated(CAST('messages' AS REGCLASS))"


def test_a_change_of_status_changes_no_index(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        await world.insert("messages", sid="SM", account_sid=ACCOUNT, status="queued")

        async def change(tx: Tx) -> Any:
            await tx.run("UPDATE messages SET status = 'sending', date_updated = :now", now=NOW)
            return await tx.value(IN_PLACE if world.database.name == "postgresql" else INDEXES)

        found = await world.database.write(change)
        if world.database.name == "postgresql":
            assert found == 1
        else:
            indexes = [one for one in found.split("CREATE ") if one.startswith("INDEX")]
            assert len(indexes) > 8
            assert [one for one in indexes if "date_updated" in one or "status" in one] == []

    on(engine, tmp_path, check)


def test_the_numbers_of_a_day_are_found_among_many_messages(engine: Engine, tmp_path: Path) -> None:
    day = NOW // DAY

    async def check(world: World) -> None:
        await insert_series(
            world,
            "messages",
            3_000,
            sid="'SM' || CAST(i AS TEXT)",
            account_sid=f"'{ACCOUNT}'",
            recipient="'+1415555' || CAST(1000 + i AS TEXT)",
            error_code="CASE WHEN i % 1000 = 0 THEN 30005 ELSE NULL END",
            date_created=f"CAST({day * DAY} AS BIGINT) + i",
            date_updated=f"CAST({day * DAY + SECOND} AS BIGINT) + i",
        )
        await world.run("ANALYZE")
        costs = metered(world)
        found = await world.database.scan(lambda tx: deactivations.numbers(tx, ACCOUNT, day))
        assert found == ["+14155552000", "+14155553000", "+14155554000"]
        assert max(costs) < 50

    on(engine, tmp_path, check)
