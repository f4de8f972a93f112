"""What the virtual phones have received and sent: the inbox."""

from __future__ import annotations

import msgspec

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
                date_created BIGINT NOT NULL
            )""",
            # phones.page_inbox
            "CREATE INDEX sandbox_messages_by_age ON sandbox_messages (account_sid, date_created, id)",
            # phones.page_phone
            "CREATE INDEX sandbox_messages_by_phone ON sandbox_messages (account_sid, phone, date_created, id)",
            # phones.find_delivery
            "CREATE INDEX sandbox_messages_by_message ON sandbox_messages (message_sid)",
        ),
    ),
)


class SandboxMessage(Row, frozen=True):
    """A row of ``sandbox_messages``: what a phone received or, when ``outgoing``, sent. ``peer`` is the number of
    ours; ``media`` is JSON of links; ``tries`` counts how often the message was handed over."""

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
    date_created: int


class Received(msgspec.Struct, frozen=True):
    """Announced when a phone's conversation changed."""

    account_sid: str
    phone: str


_COLUMNS = columns(SandboxMessage)
_OF_ACCOUNT = f"""
SELECT {_COLUMNS} FROM sandbox_messages WHERE account_sid = :account_sid
ORDER BY date_created DESC, id DESC LIMIT :most
"""
_OF_PHONE = f"""
SELECT {_COLUMNS} FROM sandbox_messages WHERE account_sid = :account_sid AND phone = :phone
ORDER BY date_created DESC, id DESC LIMIT :most
"""


async def keep(tx: Tx, message: SandboxMessage) -> None:
    """Put a message into a phone's conversation."""
    await tx.insert("sandbox_messages", message)
    tx.announce(Received(message.account_sid, message.phone))


async def find_delivery(tx: Tx, message_sid: str) -> SandboxMessage | None:
    """What a phone received as this message."""
    return await tx.one(
        SandboxMessage,
        f"SELECT {_COLUMNS} FROM sandbox_messages WHERE message_sid = :message_sid AND NOT outgoing LIMIT 1",
        message_sid=message_sid,
    )


async def count_try(tx: Tx, id: str) -> None:
    """Note that a message was handed over once more."""
    await tx.run("UPDATE sandbox_messages SET tries = tries + 1 WHERE id = :id", id=id)


async def newest(tx: Tx, account_sid: str, phone: str, most: int) -> list[SandboxMessage]:
    """The newest messages of an account, those of one phone when ``phone`` is given, newest first."""
    values = {"phone": phone} if phone else {}
    return await tx.all(
        SandboxMessage, _OF_PHONE if phone else _OF_ACCOUNT, account_sid=account_sid, most=most, **values
    )


async def clear(tx: Tx, account_sid: str) -> int:
    """Forget the conversations of an account; answers how many messages there were."""
    return await tx.run(
        "DELETE FROM sandbox_messages WHERE account_sid = :account_sid", account_sid=account_sid
    )
