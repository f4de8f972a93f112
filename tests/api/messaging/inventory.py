"""The operator's hand in the inventory, and an account's purchases over the API."""

from __future__ import annotations

from typing import Any

from api.conftest import ACCOUNT_SID, Api
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade
from trunkline.products.messaging.numbers import inventory
from trunkline.products.messaging.numbers.inventory import Number

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
NUMBERS = f"{ACCOUNT}/IncomingPhoneNumbers"
SERVICES = "/messaging/v1/Services"
US, OVERLAY, NEW_YORK = "+14155550110", "+16285550110", "+12125550110"
GB, GB_VOICE, TOLL_FREE, MOBILE = "+442079460100", "+442079460900", "+18005550110", "+46701740605"

STOCKED = {"sandbox_numbers": True}
"""The settings of a server with fictional numbers."""


def buy(api: Api, number: str = US, **settings: str) -> dict[str, Any]:
    """Buy a number."""
    response = api.post(f"{NUMBERS}.json", {"PhoneNumber": number, **settings})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def service(api: Api, **settings: str) -> dict[str, Any]:
    """Make a Service."""
    response = api.post(SERVICES, {"FriendlyName": "of a test", **settings})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def pool(service: dict[str, Any], name: str = "PhoneNumbers") -> str:
    """Return the path of a Service's senders of one kind."""
    return f"{SERVICES}/{service['sid']}/{name}"


def stock(api: Api, number: Number, account_sid: str = "") -> str | None:
    """Put a number into the inventory and give it to the account, if one is named; return its SID."""

    async def put(tx: Tx) -> str | None:
        assert await inventory.add_number(tx, number)
        if not account_sid:
            return None
        return (await inventory.assign_number(tx, number.number, number.kind, account_sid)).sid

    sid: str | None = api.run(api.node.database.write(put))
    return sid


def subaccount(api: Api) -> tuple[str, str]:
    """Return SID and auth token of a new subaccount."""
    body = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()
    return body["sid"], body["auth_token"]


def second_pair(api: Api) -> tuple[str, str]:
    """Return the account's second pair."""
    pair: tuple[str, str] = api.run(facade.test_credentials(api.node.database, api.node.vault, ACCOUNT_SID))
    return pair
