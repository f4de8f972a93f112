"""The attachments of messages, as they are stored: each with its bytes, beside its message."""

from __future__ import annotations

import msgspec

from trunkline.api.paging import Window
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Row, Tx, columns

FOREVER = 1 << 62
"""Later than any moment."""


class Medium(Row, frozen=True):
    """A row of ``message_media`` without its bytes; ``size`` counts them."""

    sid: str
    account_sid: str
    message_sid: str
    content_type: str
    size: int
    date_created: int
    date_updated: int


_ADD = f"""
INSERT INTO message_media ({columns(Medium)}, content)
VALUES (:sid, :account_sid, :message_sid, :content_type, :size, :date_created, :date_updated, :content)
"""


async def add_medium(tx: Tx, account_sid: str, message_sid: str, content_type: str, content: bytes) -> Medium:
    """Keep an attachment; the message's order of attachments is that of adding them."""
    last = await tx.value(
        "SELECT max(date_created) FROM message_media WHERE message_sid = :message_sid AND account_sid = :account_sid",
        message_sid=message_sid,
        account_sid=account_sid,
    )
    # One transaction adds several: what tells them apart in a list is a microsecond.
    moment = tx.now if last is None else max(tx.now, last + 1)
    medium = Medium(new_sid("ME"), account_sid, message_sid, content_type, len(content), moment, moment)
    await tx.run(_ADD, **msgspec.structs.asdict(medium), content=content)
    return medium


async def page_media(
    tx: Tx, account_sid: str, message_sid: str, window: Window, since: int = 0, until: int = FOREVER
) -> list[Medium]:
    """A page of a message's attachments, of those made from ``since`` until before ``until``."""
    return await tx.all(
        Medium,
        f"SELECT {columns(Medium)} FROM message_media"
        " WHERE message_sid = :message_sid AND account_sid = :account_sid"
        f" AND date_created >= :since AND date_created < :until {window.tail}",
        message_sid=message_sid,
        account_sid=account_sid,
        since=since,
        until=until,
        **window.values,
    )


async def all_media(tx: Tx, account_sid: str, message_sid: str) -> list[Medium]:
    """A message's attachments in their order; there are at most ten of a message that was sent."""
    return await tx.all(
        Medium,
        f"SELECT {columns(Medium)} FROM message_media"
        " WHERE message_sid = :message_sid AND account_sid = :account_sid ORDER BY date_created, sid",
        message_sid=message_sid,
        account_sid=account_sid,
    )


async def find_medium(tx: Tx, account_sid: str, message_sid: str, sid: str) -> Medium | None:
    """The message's attachment with this SID."""
    return await tx.one(
        Medium,
        f"SELECT {columns(Medium)} FROM message_media"
        " WHERE sid = :sid AND message_sid = :message_sid AND account_sid = :account_sid",
        sid=sid,
        message_sid=message_sid,
        account_sid=account_sid,
    )


async def read_content(tx: Tx, account_sid: str, message_sid: str, sid: str) -> bytes | None:
    """The bytes of an attachment."""
    content: bytes | None = await tx.value(
        "SELECT content FROM message_media"
        " WHERE sid = :sid AND message_sid = :message_sid AND account_sid = :account_sid",
        sid=sid,
        message_sid=message_sid,
        account_sid=account_sid,
    )
    return content


async def delete_medium(tx: Tx, account_sid: str, message_sid: str, sid: str) -> bool:
    """Remove one attachment; answers whether it was there."""
    return bool(
        await tx.run(
            "DELETE FROM message_media"
            " WHERE sid = :sid AND message_sid = :message_sid AND account_sid = :account_sid",
            sid=sid,
            message_sid=message_sid,
            account_sid=account_sid,
        )
    )


async def delete_media(tx: Tx, account_sid: str, message_sid: str) -> None:
    """Remove all attachments of a message."""
    await tx.run(
        "DELETE FROM message_media WHERE message_sid = :message_sid AND account_sid = :account_sid",
        message_sid=message_sid,
        account_sid=account_sid,
    )
