"""The conversations of the virtual phones: the messages that they have received and sent."""

from __future__ import annotations

from trunkline.core.jobs.removals import remove_marked
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.holds import Hold
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan
from trunkline.core.storage.retention import AgeLimit, NewestLimit, TableRetention

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
    Migration(
        "sandbox",
        3,
        (
            # Until when an account's messages are cleared: they go in pieces.
            """CREATE TABLE sandbox_clearings (
                account_sid TEXT PRIMARY KEY,
                moment BIGINT NOT NULL
            )""",
            """CREATE VIEW live_sandbox_messages AS SELECT * FROM sandbox_messages
                WHERE NOT EXISTS (SELECT 1 FROM sandbox_clearings c
                    WHERE c.account_sid = sandbox_messages.account_sid AND c.moment >= sandbox_messages.moment)""",
        ),
    ),
    Migration(
        "sandbox",
        4,
        (
            # its retention, which is of all accounts
            "CREATE INDEX sandbox_messages_by_age ON sandbox_messages (moment)",
        ),
    ),
)
HOLDS = (Hold("sandbox_clearings", until="moment"),)
CLEARING = RemovalPlan(
    "sandbox_messages",
    below=(
        RemovalGroup(
            (
                Removal(
                    "sandbox_messages",
                    ("id",),
                    "account_sid = :sid"
                    " AND moment <= (SELECT moment FROM sandbox_clearings WHERE account_sid = :sid)",
                ),
            )
        ),
    ),
    keeps=True,
)
"""The removal of the messages of an account that are cleared, by the account's SID."""

RETENTION = (
    TableRetention(
        table="sandbox_clearings",
        rule="with its account, which has one at most",
        key=("account_sid",),
        account="account_sid = :account_sid",
    ),
    TableRetention(
        table="sandbox_messages",
        key=("id",),
        limits=(
            AgeLimit("moment", "sandbox_message_days"),
            NewestLimit("moment", "sandbox_message_limit"),
        ),
        account="account_sid = :account_sid",
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
SELECT {_COLUMNS} FROM live_sandbox_messages WHERE account_sid = :account_sid AND moment >= :since AND arrived
ORDER BY moment DESC, id DESC LIMIT :limit
"""
_NEWEST_OF_PHONE = f"""
SELECT {_COLUMNS} FROM live_sandbox_messages
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
        f"SELECT {_COLUMNS} FROM live_sandbox_messages WHERE message_sid = :message_sid AND NOT outgoing LIMIT 1",
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
    """Delete the conversations of an account. Return the number of messages that went at once; a job removes those
    beyond the first 500, which nobody sees any more."""
    await tx.run(
        "INSERT INTO sandbox_clearings (account_sid, moment) VALUES (:account_sid, :now)"
        " ON CONFLICT (account_sid) DO UPDATE SET moment = excluded.moment",
        account_sid=account_sid,
        now=tx.now,
    )
    return await remove_marked(tx, CLEARING, account_sid)
