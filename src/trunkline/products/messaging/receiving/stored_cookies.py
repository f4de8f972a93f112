"""The stored cookies of inbound webhooks: of a pair of numbers, until no message was received for four hours (doc)."""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.egress.cookies import Cookies
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import Message

COOKIE_LIFETIME = 4 * 3600 * SECOND
"""Time for which cookies are stored without a message (doc)."""

_FIND = """
SELECT cookies FROM webhook_cookies
WHERE account_sid = :account_sid AND sender = :sender AND recipient = :recipient AND last_used > :since
"""
_KEEP = """
INSERT INTO webhook_cookies (account_sid, sender, recipient, cookies, last_used)
VALUES (:account_sid, :sender, :recipient, :cookies, :now)
ON CONFLICT (account_sid, sender, recipient) DO UPDATE SET cookies = :cookies, last_used = :now
"""
_FORGET = """
DELETE FROM webhook_cookies WHERE account_sid = :account_sid AND sender = :sender AND recipient = :recipient
"""


async def find_cookies(tx: Tx, message: Message) -> Cookies:
    """Return the cookies of the pair of numbers of an inbound message."""
    found = await tx.value(
        _FIND,
        account_sid=message.account_sid,
        sender=message.sender,
        recipient=message.recipient,
        since=tx.now - COOKIE_LIFETIME,
    )
    return {} if found is None else msgspec.json.decode(found, type=Cookies)


async def store_cookies(tx: Tx, message: Message, cookies: Cookies) -> None:
    """Store the cookies of the pair, or delete them if there are none."""
    pair = {"account_sid": message.account_sid, "sender": message.sender, "recipient": message.recipient}
    if cookies:
        await tx.run(_KEEP, **pair, cookies=msgspec.json.encode(cookies).decode(), now=tx.now)
    else:
        await tx.run(_FORGET, **pair)
