"""The sizes of attempts that were recorded before there was a column for them."""

from __future__ import annotations

import asyncio

from engines import opened
from trunkline.core.storage.database import Row, Tx
from trunkline.core.webhooks.attempts import MIGRATIONS

TEXTS = {
    "one of few bytes": "x",
    "one of many bytes": "x" * 16_000,
    "one of wide characters": "\N{SNOWMAN}" * 10_000,
    "one that PostgreSQL would read as bytes": "\\xzz",
}
_INSERT = """
INSERT INTO webhook_attempts (sid, account_sid, service_sid, status, started, webhook, number, url, request_headers,
response_headers, response_body, error_text, address, redirects, duration)
VALUES (:sid, '', '', '', 0, :text, 1, :text, :text, :text, :text, :text, '', 0, 0)
"""


class _Size(Row, frozen=True):
    sid: str
    size: int


def test_an_older_attempt_counts_with_all_of_its_texts(database_url: str) -> None:
    async def fill(tx: Tx) -> None:
        await tx.run_many(_INSERT, [{"sid": sid, "text": text} for sid, text in TEXTS.items()])

    async def sizes(tx: Tx) -> dict[str, int]:
        found = await tx.all(_Size, "SELECT sid, size FROM webhook_attempts")
        return {one.sid: one.size for one in found}

    async def body() -> None:
        async with opened(database_url, MIGRATIONS[:2]) as database:
            await database.write(fill)
        async with opened(database_url, MIGRATIONS) as database:
            found = await database.read(sizes)
        assert found == {sid: 512 + 6 * len(text.encode()) for sid, text in TEXTS.items()}

    asyncio.run(body())
