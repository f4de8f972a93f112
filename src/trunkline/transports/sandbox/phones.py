"""The conversations of the virtual phones: the messages that they have received and sent."""

from __future__ import annotations

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.migrate import Migration

MIGRATIONS = (
    Migration(
        "sandbox",
        1,
        (
            """CREATE TABLE sandbox_messages (
                id TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL REFERENCES accounts (sid) ON DELETE CASCADE,
                message_sid TEXT NOT NULL,
                phone TEXT NOT NULL,
                peer TEXT NOT NULL,
                outgoing BOOLEAN NOT NULL,
                body TEXT NOT NULL,
                segments BIGINT NOT NULL,
                encoding TEXT NOT NULL,
                media TEXT NOT NULL,
                tries BIGINT NOT NULL,
                arrived BOOLEAN NOT NULL,
                moment BIGINT NOT NULL
            )""",
            # phones.newest
            "CREATE INDEX sandbox_messages_by_moment ON sandbox_messages (account_sid, moment, id)",
            # phones.newest of one phone
            "CREATE INDEX sandbox_messages_by_phone ON sandbox_messages (account_sid, phone, moment, id)",
            # phones.find_delivery
            "CREATE INDEX sandbox_messages_by_message ON sandbox_messages (message_sid)",
        ),
    ),
    Migration(
        "sandbox",
        2,
        (
            # phones.newest; the condition is that of the queries
            "CREATE INDEX sandbox_messages_arrived ON sandbox_messages (account_sid, moment, id) WHERE arrived",
            "DROP INDEX sandbox_messages_by_phone",
            "CREATE INDEX sandbox_messages_by_phone ON sandbox_messages (account_sid, phone, moment, id)"
            " WHERE arrived",
        ),
    ),
)


class SandboxMessage(Row, frozen=True):
    """A row of ``sandbox_messages``: a message that a phone received or, if ``outgoing``, sent. ``message_sid`` is its
    Message, empty for one that was dropped; ``peer`` is the number of ours; ``media`` is JSON of links; ``tries``
    counts the hand-overs, ``moment`` is the last time; until it has ``arrived`` the phone does not show it."""

    id: str
    account_sid: str
    message_sid: str
    phone: str
    peer: str
    outgoing: bool
    body: str
    segments: int
    encoding: str
    media: str
    tries: int
    arrived: bool
    moment: int


_COLUMNS = columns(SandboxMessage)
_NEWEST = f"""
SELECT {_COLUMNS} FROM sandbox_messages WHERE account_sid = :account_sid AND moment >= :since AND arrived
ORDER BY moment DESC, id DESC LIMIT :limit
"""
_NEWEST_OF_PHONE = f"""
SELECT {_COLUMNS} FROM sandbox_messages
WHERE account_sid = :account_sid AND phone = :phone AND moment >= :since AND arrived
ORDER BY moment DESC, id DESC LIMIT :limit
"""


async def insert(tx: Tx, message: SandboxMessage) -> None:
    """Add a message to a phone's conversation."""
    await tx.insert("sandbox_messages", message)


async def find_delivery(tx: Tx, message_sid: str) -> SandboxMessage | None:
    """Return the row of a message that was handed over before; None if it was not."""
    return await tx.one(
        SandboxMessage,
        f"SELECT {_COLUMNS} FROM sandbox_messages WHERE message_sid = :message_sid AND NOT outgoing LIMIT 1",
        message_sid=message_sid,
    )


async def hand_over_again(tx: Tx, id: str, *, arrived: bool) -> None:
    """Record that a message was handed over once more, and whether it has arrived now."""
    await tx.run(
        "UPDATE sandbox_messages SET tries = tries + 1, arrived = :arrived, moment = :now WHERE id = :id",
        id=id,
        arrived=arrived,
        now=tx.now,
    )


async def forget_message(tx: Tx, id: str) -> None:
    """Record that no Message came of what a phone has sent."""
    await tx.run("UPDATE sandbox_messages SET message_sid = '' WHERE id = :id", id=id)


async def newest(tx: Tx, account_sid: str, phone: str, limit: int, since: int = 0) -> list[SandboxMessage]:
    """Return the newest messages of an account, newest first: those of one phone if ``phone`` is given, and those of
    ``since``, in microseconds since 1970 UTC, or later."""
    values = {"phone": phone} if phone else {}
    sql = _NEWEST_OF_PHONE if phone else _NEWEST
    return await tx.all(SandboxMessage, sql, account_sid=account_sid, since=since, limit=limit, **values)


async def clear(tx: Tx, account_sid: str) -> int:
    """Delete the conversations of an account; return the number of messages."""
    return await tx.run(
        "DELETE FROM sandbox_messages WHERE account_sid = :account_sid", account_sid=account_sid
    )
