"""What may be changed of a message: it is redacted once it is finished, and canceled while it is scheduled (doc)."""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import FINISHED, Message, Status
from trunkline.products.messaging.lifecycle.states import cancel, without_text

_REDACT = """
UPDATE messages SET body = :body, options = :options, date_updated = :now
WHERE account_sid = :account_sid AND sid = :sid
"""


async def cancel_scheduled(tx: Tx, message: Message) -> Message:
    """Cancel a message that is scheduled. Raises ApiError 30409 when it is not, or when it is being sent just now."""
    canceled = await cancel(tx, message) if message.status == Status.SCHEDULED else None
    if canceled is None:
        raise ApiError(30409)
    return canceled


async def redact(tx: Tx, message: Message) -> Message:
    """Erase the text of a message that is finished. Raises ApiError 20009 when it is not."""
    if message.status not in FINISHED:
        raise ApiError(20009)
    changes = without_text(message)
    await tx.run(_REDACT, account_sid=message.account_sid, sid=message.sid, **changes, now=tx.now)
    return msgspec.structs.replace(message, **changes, date_updated=tx.now)
