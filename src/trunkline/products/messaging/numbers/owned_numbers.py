"""The owners of addresses: the number and its settings for sending, receiving and the pools of Services."""

from __future__ import annotations

from trunkline.core.jobs.removals import remove_marked
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan
from trunkline.products.messaging.numbers.number_settings import stored_settings


class OwnedNumber(Row, frozen=True):
    """A number, short code or channel address of an account; ``service_sid`` is the Service in whose pool it is.
    ``rate`` is in thousandths of a segment a second, 0 for the default of its kind; ``carrier`` is empty if the
    routes decide. ``settings`` is JSON of ``StoredSettings``."""

    sid: str
    account_sid: str
    number: str
    kind: str
    country: str
    sms: bool
    mms: bool
    voice: bool
    carrier: str
    rate: int
    date_created: int
    sms_application_sid: str | None
    settings: str
    service_sid: str | None = None

    @property
    def sms_url(self) -> str | None:
        """The URL of the webhook for inbound messages, None for none."""
        return stored_settings(self.settings).sms_url

    @property
    def sms_method(self) -> str:
        """The method of that webhook."""
        return stored_settings(self.settings).sms_method

    @property
    def sms_fallback_url(self) -> str | None:
        """The URL of the webhook that is used if the first fails."""
        return stored_settings(self.settings).sms_fallback_url

    @property
    def sms_fallback_method(self) -> str:
        """The method of that webhook."""
        return stored_settings(self.settings).sms_fallback_method


_COLUMNS = ", ".join(f"n.{name}" for name in OwnedNumber.__struct_fields__[:-1])
# A join takes SQLite three times as long.
_SERVICE = "(SELECT s.service_sid FROM live_messaging_senders s WHERE s.sid = n.sid)"
_SELECT = f"SELECT {_COLUMNS}, {_SERVICE} FROM numbers n "


async def owned_by_address(tx: Tx, address: str) -> OwnedNumber | None:
    """Return the address with its owner; None if it has none."""
    return await tx.one(
        OwnedNumber, f"{_SELECT} WHERE n.number = :address AND n.account_sid IS NOT NULL", address=address
    )


async def owned_by_account(tx: Tx, account_sid: str, address: str) -> OwnedNumber | None:
    """Return the address if it is the account's."""
    return await tx.one(
        OwnedNumber,
        f"{_SELECT} WHERE n.number = :address AND n.account_sid = :account_sid",
        address=address,
        account_sid=account_sid,
    )


async def owned_by_sid(tx: Tx, account_sid: str, sid: str) -> OwnedNumber | None:
    """Return the account's number with this SID."""
    return await tx.one(
        OwnedNumber,
        f"{_SELECT} WHERE n.sid = :sid AND n.account_sid = :account_sid",
        sid=sid,
        account_sid=account_sid,
    )


async def owner_of(tx: Tx, address: str) -> str | None:
    """Return the SID of the account that has the address."""
    owner: str | None = await tx.value(
        "SELECT account_sid FROM numbers WHERE number = :address", address=address
    )
    return owner


STICKY_REMOVAL = RemovalPlan(
    "sticky_senders",
    below=(
        RemovalGroup(
            (
                Removal(
                    "sticky_senders",
                    ("service_sid", "channel", "recipient"),
                    "sender_sid = :sid AND NOT EXISTS (SELECT 1 FROM messaging_senders sender"
                    " WHERE sender.sid = sticky_senders.sender_sid"
                    " AND sender.service_sid = sticky_senders.service_sid"
                    " AND sender.date_created <= sticky_senders.date_created)",
                ),
            )
        ),
    ),
    keeps=True,
)
"""The removal of the choices of a sender, by its SID, from before it last joined a pool."""


async def leave_pool(tx: Tx, account_sid: str, sid: str) -> bool:
    """Remove a sender, a number or another, from the pool of its Service; return whether it was in one. It is the
    sticky sender of no recipient any more (doc)."""
    left = await tx.run(
        "DELETE FROM messaging_senders WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=account_sid,
        sid=sid,
    )
    await remove_marked(tx, STICKY_REMOVAL, sid)
    return bool(left)
