"""The rows of attachments, each with the blob that holds its content."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.api.paging import Window
from trunkline.core.blobs.store import Blob, delete_blob
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import delete_row
from trunkline.core.storage.database import Row, Tx, columns, placeholders


class Medium(Row, frozen=True):
    """A row of ``message_media`` without its ``content``; ``size`` is in bytes. ``blob`` is None in a row from before
    blobs whose content is not moved yet."""

    sid: str
    account_sid: str
    message_sid: str
    content_type: str
    size: int
    date_created: int
    date_updated: int
    blob: str | None


_ADD = f"""
INSERT INTO message_media ({columns(Medium)}, content)
VALUES ({placeholders(Medium)}, :content)
"""


async def add_medium(tx: Tx, account_sid: str, message_sid: str, content_type: str, blob: Blob) -> Medium:
    """Add an attachment; a message's attachments are in the order in which they were added."""
    last = await tx.value(
        "SELECT max(date_created) FROM message_media WHERE message_sid = :message_sid AND account_sid = :account_sid",
        message_sid=message_sid,
        account_sid=account_sid,
    )
    # One transaction adds several: what tells them apart in a list is a microsecond.
    now = tx.now if last is None else max(tx.now, last + 1)
    medium = Medium(new_sid("ME"), account_sid, message_sid, content_type, blob.size, now, now, blob.key)
    await tx.run(_ADD, **msgspec.structs.asdict(medium), content=b"")
    return medium


async def page_media(tx: Tx, account_sid: str, message_sid: str, window: Window) -> list[Medium]:
    """Return a page of a message's attachments."""
    return await tx.all(
        Medium,
        f"SELECT {columns(Medium)} FROM message_media"
        f" WHERE message_sid = :message_sid AND account_sid = :account_sid {window.tail}",
        message_sid=message_sid,
        account_sid=account_sid,
        **window.values,
    )


async def all_media(tx: Tx, account_sid: str, message_sid: str) -> list[Medium]:
    """Return a message's attachments in their order; there are at most ten of a message that was sent."""
    return await tx.all(
        Medium,
        f"SELECT {columns(Medium)} FROM message_media"
        " WHERE message_sid = :message_sid AND account_sid = :account_sid ORDER BY date_created, sid",
        message_sid=message_sid,
        account_sid=account_sid,
    )


async def find_medium(tx: Tx, account_sid: str, message_sid: str, sid: str) -> Medium | None:
    """Return the message's attachment with this SID."""
    return await tx.one(
        Medium,
        f"SELECT {columns(Medium)} FROM message_media"
        " WHERE sid = :sid AND message_sid = :message_sid AND account_sid = :account_sid",
        sid=sid,
        message_sid=message_sid,
        account_sid=account_sid,
    )


async def delete_medium(tx: Tx, account_sid: str, message_sid: str, sid: str) -> bool:
    """Remove one attachment and its content; return whether it was there."""
    medium = await find_medium(tx, account_sid, message_sid, sid)
    if medium is None:
        return False
    await _delete(tx, medium)
    return True


async def delete_media(tx: Tx, account_sid: str, message_sid: str) -> None:
    """Remove all attachments of a message and their contents."""
    for medium in await all_media(tx, account_sid, message_sid):
        await _delete(tx, medium)


async def delete_contents(tx: Tx, media: Sequence[Medium]) -> None:
    """Remove the contents of attachments whose rows are gone."""
    for medium in media:
        if medium.blob is not None:
            await delete_blob(tx, medium.blob)


async def _delete(tx: Tx, medium: Medium) -> None:
    await delete_row(tx, "message_media", medium.account_sid, medium.sid)
    await delete_contents(tx, (medium,))
