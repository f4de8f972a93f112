"""The Service above a resource: its lock, and the check that it exists."""

from __future__ import annotations

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx


async def lock_service(tx: Tx, sid: str) -> None:
    """Lock this Service, its roles and its defaults until the transaction ends."""
    await tx.lock(f"chat service {sid}")


async def require_service(tx: Tx, account_sid: str, sid: str) -> None:
    """Raise ApiError 50050 if the account has no such Service: a 403 for the resources below a Service (seen)."""
    found = await tx.value(
        "SELECT 1 FROM live_chat_services WHERE sid = :sid AND account_sid = :account_sid",
        sid=sid,
        account_sid=account_sid,
    )
    if found is None:
        raise ApiError(50050)
