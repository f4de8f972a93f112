"""Sticky senders: the sender of a Service that served a recipient, and continues to serve that recipient (doc).

SMS and each other channel are separate even for the same number. While the setting is off, the rows remain (doc).
"""

from __future__ import annotations

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.retention import DAY
from trunkline.products.messaging.lifecycle.message import Direction, Message


class StickySender(Row, frozen=True):
    """A row of ``sticky_senders``. ``channel`` is the prefix of the addresses, without colon, empty for SMS;
    ``recipient`` is the recipient's address; ``last_used`` is the time of a message, to a day."""

    service_sid: str
    channel: str
    recipient: str
    account_sid: str
    sender_sid: str
    sender: str
    date_created: int
    last_used: int


async def find_sticky_sender(tx: Tx, service_sid: str, channel: str, recipient: str) -> StickySender | None:
    """Return the sticky sender of the recipient."""
    return await tx.one(
        StickySender,
        f"SELECT {columns(StickySender)} FROM live_sticky_senders"
        " WHERE service_sid = :service_sid AND channel = :channel AND recipient = :recipient",
        service_sid=service_sid,
        channel=channel,
        recipient=recipient,
    )


async def store_sticky_sender(tx: Tx, message: Message, channel: str, sender_sid: str, sender: str) -> None:
    """Store the sticky sender of the recipient of a Service's message, or of the author of an inbound one; one that is
    there stays, and was used now. Its date is not before that of the sender in the pool, whatever the clock did in
    between."""
    assert message.service_sid is not None, "only Services have sticky senders"
    inbound = message.direction == Direction.INBOUND
    person = message.sender if inbound else message.recipient
    key = {"service_sid": message.service_sid, "channel": channel, "recipient": person or ""}
    stored = await tx.run(
        "INSERT INTO sticky_senders"
        " (service_sid, channel, recipient, account_sid, sender_sid, sender, date_created, last_used)"
        " VALUES (:service_sid, :channel, :recipient, :account_sid, :sender_sid, :sender, COALESCE("
        "(SELECT date_created FROM live_messaging_senders WHERE sid = :sender_sid AND date_created > :now), :now),"
        " :now)"
        " ON CONFLICT (service_sid, channel, recipient) DO UPDATE SET sender_sid = excluded.sender_sid,"
        " sender = excluded.sender, date_created = excluded.date_created,"
        " last_used = excluded.last_used"
        " WHERE NOT EXISTS (SELECT 1 FROM live_sticky_senders k WHERE k.service_sid = sticky_senders.service_sid"
        " AND k.channel = sticky_senders.channel AND k.recipient = sticky_senders.recipient)",
        **key,
        account_sid=message.account_sid,
        sender_sid=sender_sid,
        sender=sender,
        now=tx.now,
    )
    if not stored:
        await tx.run(_USE, **key, now=tx.now, before=tx.now - DAY)


_USE = """
UPDATE sticky_senders SET last_used = :now
WHERE service_sid = :service_sid AND channel = :channel AND recipient = :recipient AND last_used < :before
"""


async def delete_sticky_sender(tx: Tx, service_sid: str, channel: str, recipient: str) -> None:
    """Delete the sticky sender of the recipient."""
    await tx.run(
        "DELETE FROM sticky_senders"
        " WHERE service_sid = :service_sid AND channel = :channel AND recipient = :recipient",
        service_sid=service_sid,
        channel=channel,
        recipient=recipient,
    )
