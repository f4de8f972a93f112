"""The stored contents of attachments."""

from __future__ import annotations

from api.conftest import Api


def content_of(api: Api, sid: str) -> bytes:
    """Return the content of an attachment, read from its blob."""

    async def read() -> bytes:
        key, size = [
            await api.node.database.read(lambda tx, sql=sql: tx.value(sql, sid=sid))  # type: ignore[misc]
            for sql in (
                "SELECT blob FROM message_media WHERE sid = :sid",
                "SELECT size FROM message_media WHERE sid = :sid",
            )
        ]
        return b"".join([piece async for piece in api.node.blobs.read(key, 0, size)])

    content: bytes = api.run(read())
    return content
