"""Numbers and pools as sending reads them, and the memory of sticky senders; numbers and pools are made over
the API.
"""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api
from api.messaging.inventory import GB, SERVICES, STOCKED, US, buy, pool, service, stock, subaccount
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import Direction, Message
from trunkline.products.messaging.numbers.inventory import Number
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account, owned_by_address, owner_of
from trunkline.products.messaging.senders import sticky
from trunkline.products.messaging.senders.candidates import PoolSender, in_pool, pool_of

PERSON = "+14155550101"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return a server with fictional numbers."""
    return STOCKED


def query(api: Api, question: Any, *arguments: Any) -> Any:
    """Return the rows of a query."""
    return api.run(api.node.database.write(lambda tx: question(tx, *arguments)))


def of_person(service_sid: str, *, inbound: bool = False) -> Message:
    """Return a message through a Service, to a person or from one."""
    return Message(
        sid="SM" + "0" * 32,
        account_sid=ACCOUNT_SID,
        date_created=0,
        date_updated=0,
        date_sent=None,
        direction=(Direction.INBOUND if inbound else Direction.API).value,
        status="accepted",
        sender=PERSON if inbound else None,
        recipient=US if inbound else PERSON,
        body="",
        service_sid=service_sid,
    )


def test_whose_an_address_is(api: Api) -> None:
    assert query(api, owned_by_address, US) is None
    assert query(api, owner_of, US) is None
    made = buy(api, SmsUrl="https://example.com/sms", SmsMethod="GET", SmsFallbackUrl="https://example.com/f")
    owned = query(api, owned_by_account, ACCOUNT_SID, US)
    assert owned == query(api, owned_by_address, US)
    assert (owned.sid, owned.account_sid, owned.number) == (made["sid"], ACCOUNT_SID, US)
    assert (owned.kind, owned.country, owned.sms, owned.mms, owned.voice) == ("local", "US", True, True, True)
    assert (owned.carrier, owned.rate, owned.service_sid) == ("", 0, None)
    assert (owned.sms_url, owned.sms_method) == ("https://example.com/sms", "GET")
    assert (owned.sms_fallback_url, owned.sms_fallback_method) == ("https://example.com/f", "POST")
    assert owned.sms_application_sid is None
    assert query(api, owner_of, US) == ACCOUNT_SID
    assert query(api, owned_by_account, subaccount(api)[0], US) is None
    mine = service(api)
    api.post(pool(mine), {"PhoneNumberSid": made["sid"]})
    assert query(api, owned_by_address, US).service_sid == mine["sid"]
    api.post(made["uri"], {"SmsUrl": ""})
    assert query(api, owned_by_address, US).sms_url is None
    api.delete(made["uri"])
    assert query(api, owned_by_address, US) is None


def test_the_pool_as_the_choice_sees_it(api: Api) -> None:
    mine, other = service(api), service(api)
    slow = Number("+12125550100", "local", "US", sms=True, mms=False, voice=True, carrier="east", rate=500)
    sid = str(stock(api, slow, ACCOUNT_SID))
    api.post(pool(mine), {"PhoneNumberSid": sid})
    api.post(pool(other), {"PhoneNumberSid": buy(api)["sid"]})
    alpha = api.post(pool(mine, "AlphaSenders"), {"AlphaSender": "Acme"}).json()["sid"]
    form = {"AlphaSender": "Acme FR", "IsoCountryCode": "FR"}
    france = api.post(pool(mine, "DestinationAlphaSenders"), form).json()["sid"]

    async def queue(tx: Tx) -> None:
        await tx.run(
            "INSERT INTO message_lanes (lane, account_sid, sender, queued, last_used, free_at, until)"
            " VALUES (:lane, :account_sid, '+12125550100', 7, 9, 0, 0)",
            lane=f"{ACCOUNT_SID} +12125550100",
            account_sid=ACCOUNT_SID,
        )

    query(api, queue)
    number = PoolSender(
        sid, "phone_number", "+12125550100", None, "US", True, False, "local", "east", 500, 7, 9
    )
    found = query(api, pool_of, ACCOUNT_SID, mine["sid"])
    assert sorted(found, key=lambda one: str(one.value)) == [
        number,
        PoolSender(alpha, "alpha", "Acme", None, "", True, False, "", "", 0, 0, 0),
        PoolSender(france, "destination_alpha", "Acme FR", "FR", "", True, False, "", "", 0, 0, 0),
    ]
    assert query(api, in_pool, ACCOUNT_SID, mine["sid"], "+12125550100") == number
    assert query(api, in_pool, ACCOUNT_SID, mine["sid"], "Acme").sid == alpha
    assert query(api, in_pool, ACCOUNT_SID, mine["sid"], US) is None
    assert query(api, in_pool, ACCOUNT_SID, other["sid"], "Acme") is None
    assert query(api, pool_of, subaccount(api)[0], mine["sid"]) == []


def test_a_person_is_remembered_until_the_sender_goes(api: Api) -> None:
    mine = service(api)["sid"]
    first, second = buy(api)["sid"], buy(api, GB)["sid"]
    path = f"{SERVICES}/{mine}/PhoneNumbers"

    def kept(channel: str = "") -> str | None:
        found = query(api, sticky.find_sticky_sender, mine, channel, PERSON)
        return None if found is None else str(found.sender_sid)

    for sid in (first, second):
        assert api.post(path, {"PhoneNumberSid": sid}).status_code == 201
    assert kept() is None
    query(api, sticky.store_sticky_sender, of_person(mine), "", first, US)
    query(api, sticky.store_sticky_sender, of_person(mine), "", second, GB)
    assert (kept(), kept("whatsapp")) == (first, None)
    query(api, sticky.store_sticky_sender, of_person(mine), "whatsapp", second, GB)
    api.delete(f"{path}/{first}")
    assert (kept(), kept("whatsapp")) == (None, second)
    query(api, sticky.store_sticky_sender, of_person(mine, inbound=True), "", second, GB)
    found = query(api, sticky.find_sticky_sender, mine, "", PERSON)
    assert (found.account_sid, found.sender_sid, found.sender) == (ACCOUNT_SID, second, GB)
    query(api, sticky.delete_sticky_sender, mine, "whatsapp", PERSON)
    assert (kept(), kept("whatsapp")) == (second, None)
    number = f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers/{second}.json"
    assert api.delete(number).status_code == 204
    assert kept() is None
    query(api, sticky.store_sticky_sender, of_person(mine), "", first, US)
    api.delete(f"{SERVICES}/{mine}")
    assert kept() is None
