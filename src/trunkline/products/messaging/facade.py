"""What the rest of Trunkline may ask of Messaging."""

from __future__ import annotations

from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services


async def service_exists(tx: Tx, account_sid: str, sid: str) -> bool:
    """Whether the account has a Messaging Service with this SID."""
    return await services.find(tx, account_sid, sid) is not None
