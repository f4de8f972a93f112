"""Sticky senders: which of a Service's senders served a person, so that the person goes on seeing that one (doc).

SMS and each other channel keep apart even for the same number. While the setting is off, what is known stays (doc).
"""

from __future__ import annotations

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import Direction, Message


class Mapping(Row, frozen=True):
    """A row of ``sticky_senders``. ``channel`` is the prefix of the addresses, without colon, empty for SMS;
    ``recipient`` is the person, as addresses are written everywhere."""

    service_sid: str
    channel: str
    recipient: str
    account_sid: str
    sender_sid: str
    sender: str
    date_created: int


async def mapping(tx: Tx, service_sid: str, channel: str, recipient: str) -> Mapping | None:
    """Who served the person."""
    return await tx.one(
        Mapping,
        f"SELECT {columns(Mapping)} FROM sticky_senders"
        " WHERE service_sid = :service_sid AND channel = :channel AND recipient = :recipient",
        service_sid=service_sid,
        channel=channel,
        recipient=recipient,
    )


async def remember(tx: Tx, message: Message, channel: str, sender_sid: str, sender: str) -> None:
    """Note who serves the person to whom a message of a Service goes, or from whom it comes, unless somebody does."""
    assert message.service_sid is not None, "only Services have sticky senders"
    inbound = message.direction == Direction.INBOUND
    person = message.sender if inbound else message.recipient
    await tx.run(
        "INSERT INTO sticky_senders"
        " (service_sid, channel, recipient, account_sid, sender_sid, sender, date_created)"
        " VALUES (:service_sid, :channel, :recipient, :account_sid, :sender_sid, :sender, :now)"
        " ON CONFLICT (service_sid, channel, recipient) DO NOTHING",
        service_sid=message.service_sid,
        channel=channel,
        recipient=person or "",
        account_sid=message.account_sid,
        sender_sid=sender_sid,
        sender=sender,
        now=tx.now,
    )


async def forget(tx: Tx, service_sid: str, channel: str, recipient: str) -> None:
    """Nobody serves the person any more."""
    await tx.run(
        "DELETE FROM sticky_senders"
        " WHERE service_sid = :service_sid AND channel = :channel AND recipient = :recipient",
        service_sid=service_sid,
        channel=channel,
        recipient=recipient,
    )
