"""The senders of a Service: the rows of its five kinds of senders, and the rules for adding them."""

from __future__ import annotations

from typing import Any

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging import services
from trunkline.products.messaging.numbers.number_settings import lock_number
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber, leave_pool, owned_by_sid
from trunkline.products.messaging.senders.sender_choice import PoolSenderKind

COUNTED = (PoolSenderKind.PHONE_NUMBER, PoolSenderKind.SHORT_CODE)
"""The kinds that count together against the limit of a Service (doc)."""


class ServiceSender(Row, frozen=True):
    """A row of ``messaging_senders``."""

    sid: str
    account_sid: str
    service_sid: str
    kind: str
    value: str
    iso_country_code: str | None
    date_created: int
    date_updated: int


class Member(Row, frozen=True):
    """A sender with the capabilities of its number; the country is empty for one that is no number."""

    sid: str
    account_sid: str
    service_sid: str
    kind: str
    value: str
    iso_country_code: str | None
    date_created: int
    date_updated: int
    country: str
    sms: bool
    mms: bool
    voice: bool

    @property
    def capabilities(self) -> list[str]:
        """The capabilities, in the order of the vendor's samples (spec)."""
        named = (("MMS", self.mms), ("SMS", self.sms), ("Voice", self.voice))
        return [name for name, able in named if able]


_MEMBERS = f"""
SELECT {columns(Member)} FROM (
    SELECT s.sid, s.account_sid, s.service_sid, s.kind, s.value, s.iso_country_code, s.date_created, s.date_updated,
        COALESCE(n.country, '') AS country, COALESCE(n.sms, TRUE) AS sms, COALESCE(n.mms, FALSE) AS mms,
        COALESCE(n.voice, FALSE) AS voice
    FROM live_messaging_senders s LEFT JOIN numbers n ON n.sid = s.sid
) members
WHERE account_sid = :account_sid AND service_sid = :service_sid AND kind = :kind
"""


async def find_member(tx: Tx, call: Call[Any], kind: PoolSenderKind) -> Member | None:
    """Return the sender of the path."""
    return await _read(tx, call, kind, call.path["Sid"])


async def page_members(
    tx: Tx, call: Call[Any], kind: PoolSenderKind, country: str | None = None
) -> list[Member] | None:
    """Return the senders of a kind, oldest first (inferred), or those for one country; None if there is no such
    Service."""
    if await services.find_service(tx, call.account_sid, call.path["ServiceSid"]) is None:
        return None
    values = {"account_sid": call.account_sid, "service_sid": call.path["ServiceSid"], "kind": kind.value}
    if country is not None:
        query = f"{_MEMBERS} AND iso_country_code = :country {call.window.tail}"
        return await tx.all(Member, query, country=country, **values, **call.window.values)
    return await tx.all(Member, f"{_MEMBERS} {call.window.tail}", **values, **call.window.values)


async def remove_member(tx: Tx, call: Call[Any], kind: PoolSenderKind) -> bool:
    """Remove the sender of the path from the Service; the account keeps its number."""
    if await find_member(tx, call, kind) is None:
        return False
    return await leave_pool(tx, call.account_sid, call.path["Sid"])


async def add_number(
    tx: Tx, call: Call[Any], kind: PoolSenderKind, sid: str | None, limit: int
) -> Member | None:
    """Add one of the account's numbers to the Service; ``limit`` is that of the counted kinds. Return None if
    there is no such Service. Raise ApiError 21421 (404) for a number that the account does not have, 21710 and
    21712 for one that is in a Service, 21715 for one without SMS and MMS, 21714 if the Service is full."""
    service_sid = call.path["ServiceSid"]
    if await services.find_service(tx, call.account_sid, service_sid) is None:
        return None
    await lock_number(tx, sid or "")
    owned = await owned_by_sid(tx, call.account_sid, sid or "")
    if owned is None or not _fits(owned, kind):
        raise ApiError(21421, status=404)
    if owned.service_sid is not None:
        raise ApiError(21710 if owned.service_sid == service_sid else 21712)
    if not owned.sms and not owned.mms:
        raise ApiError(21715)
    await lock_pool(tx, service_sid)
    if kind in COUNTED and await _count(tx, service_sid) >= limit:
        raise ApiError(21714)
    await _insert(tx, call, owned.sid, kind, owned.number)
    return await _read(tx, call, kind, owned.sid)


def _fits(owned: OwnedNumber, kind: PoolSenderKind) -> bool:
    kinds = {"short-code": PoolSenderKind.SHORT_CODE, "channel": PoolSenderKind.CHANNEL}
    return kinds.get(owned.kind, PoolSenderKind.PHONE_NUMBER) is kind


async def _count(tx: Tx, service_sid: str) -> int:
    first, second = COUNTED
    counted: int = await tx.value(
        "SELECT count(*) FROM live_messaging_senders"
        " WHERE service_sid = :service_sid AND (kind = :first OR kind = :second)",
        service_sid=service_sid,
        first=first.value,
        second=second.value,
    )
    return counted


async def add_text(
    tx: Tx, call: Call[Any], kind: PoolSenderKind, sid: str, sender: tuple[str, str | None]
) -> Member | None:
    """Add an alphanumeric sender, for one country or all, to the Service. Return None if there is no such Service.
    Raise ApiError 21710 if the Service has it."""
    service_sid, (value, country) = call.path["ServiceSid"], sender
    if await services.find_service(tx, call.account_sid, service_sid) is None:
        return None
    await lock_pool(tx, service_sid)
    known = await tx.value(
        "SELECT sid FROM live_messaging_senders WHERE account_sid = :account_sid AND service_sid = :service_sid"
        " AND value = :value AND kind = :kind AND COALESCE(iso_country_code, '') = :country",
        account_sid=call.account_sid,
        service_sid=service_sid,
        value=value,
        kind=kind.value,
        country=country or "",
    )
    if known is not None:
        raise ApiError(21710)
    await _insert(tx, call, sid, kind, value, country)
    return await _read(tx, call, kind, sid)


async def _insert(
    tx: Tx, call: Call[Any], sid: str, kind: PoolSenderKind, value: str, country: str | None = None
) -> None:
    service_sid = call.path["ServiceSid"]
    # A number may still stand in the pool of a deleted Service.
    await tx.run("DELETE FROM messaging_senders WHERE sid = :sid", sid=sid)
    made = ServiceSender(sid, call.account_sid, service_sid, kind.value, value, country, tx.now, tx.now)
    await tx.insert("messaging_senders", made)


async def _read(tx: Tx, call: Call[Any], kind: PoolSenderKind, sid: str) -> Member | None:
    return await tx.one(
        Member,
        f"{_MEMBERS} AND sid = :sid",
        account_sid=call.account_sid,
        service_sid=call.path["ServiceSid"],
        kind=kind.value,
        sid=sid,
    )


async def lock_pool(tx: Tx, service_sid: str) -> None:
    """Lock the pool of the Service against other transactions that add senders."""
    await tx.lock(f"pool {service_sid}")
