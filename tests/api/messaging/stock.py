"""Resources that an account needs to send: numbers of its own, and Services that have them in their pools."""

from __future__ import annotations

from typing import Any

import msgspec

from api.conftest import ACCOUNT_SID, Api
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.message import Message, MessageStatus, find_message
from trunkline.products.messaging.lifecycle.status_changes import change_status

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages"
US = "+14155550100"
US_MMS = "+14155550101"
GB = "+447400123456"
TO = "+15005550100"
TO_GB = "+447400123457"


class StockedNumber(msgspec.Struct, frozen=True):
    """A number of an account."""

    sid: str
    number: str


def stand_still(api: Api) -> None:
    """Let nothing be sent any more."""
    api.run(api.messaging.stop())


def own(api: Api, number: str, account_sid: str = ACCOUNT_SID, **more: Any) -> StockedNumber:
    """Give the account a number; ``more`` are columns of the inventory."""
    sid = new_sid(more.pop("prefix", "PN"))
    values = {"kind": "local", "country": "US", "sms": True, "mms": False, "rate": 0, **more}

    async def insert(tx: Tx) -> None:
        await tx.run("DELETE FROM numbers WHERE number = :number", number=number)
        await tx.run(
            "INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid)"
            " VALUES (:number, :kind, :country, :sms, :mms, FALSE, '', :rate, :account_sid, :sid)",
            number=number,
            account_sid=account_sid,
            sid=sid,
            **values,
        )

    api.run(api.node.database.write(insert))
    return StockedNumber(sid, number)


def service(api: Api, *pool: StockedNumber, **settings: str) -> str:
    """Return a Service with these numbers in its pool."""
    sid: str = api.post("/messaging/v1/Services", {"FriendlyName": "of a test", **settings}).json()["sid"]

    async def insert(tx: Tx) -> None:
        for one in pool:
            await tx.run(
                "INSERT INTO messaging_senders"
                " (sid, account_sid, service_sid, kind, value, date_created, date_updated)"
                " VALUES (:sid, :account_sid, :service_sid, 'phone_number', :value, :now, :now)",
                sid=one.sid,
                account_sid=ACCOUNT_SID,
                service_sid=sid,
                value=one.number,
                now=tx.now,
            )

    api.run(api.node.database.write(insert))
    return sid


def send(api: Api, **form: Any) -> dict[str, Any]:
    """Create a message that is accepted, and answer it."""
    response = api.post(f"{MESSAGES}.json", {"To": TO, "Body": "Hello", **form})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def end(api: Api, sid: str, status: MessageStatus = MessageStatus.DELIVERED, **changes: Any) -> Message:
    """Let a message come to its end, as if a carrier had taken it."""

    async def write(tx: Tx) -> Message:
        await message_queue.remove_entry(tx, sid)
        message = await find_message(tx, ACCOUNT_SID, sid)
        assert message is not None
        return await change_status(tx, message, status, **changes)

    ended: Message = api.run(api.node.database.write(write))
    return ended
