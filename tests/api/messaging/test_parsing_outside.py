"""Numbers are parsed and texts counted before the transaction: the one writer of SQLite does not wait for that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, OPERATOR, Api
from api.messaging.stock import own
from trunkline.core.storage.database import Tx
from trunkline.products.messaging import facade
from trunkline.products.messaging.control import opt_outs
from trunkline.products.messaging.numbers import buying, inventory_changes

NUMBERS = "/_trunkline/numbers"
MINE, FREE, PHONE = "+14155550110", "+14155550111", "+14155550123"


@pytest.fixture
def parsed(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Record for each parsed number and counted text: True if that was inside a transaction that writes."""
    inside = ContextVar("inside", default=False)
    seen: list[bool] = []
    write = api.node.database.write

    async def watched(action: Callable[[Tx], Awaitable[Any]]) -> Any:
        async def act(tx: Tx) -> Any:
            token = inside.set(True)
            try:
                return await action(tx)
            finally:
                inside.reset(token)

        return await write(act)

    def watching(function: Callable[..., Any]) -> Callable[..., Any]:
        def watched_function(*arguments: Any) -> Any:
            seen.append(inside.get())
            return function(*arguments)

        return watched_function

    monkeypatch.setattr(api.node.database, "write", watched)
    for module in (inventory_changes, facade, buying, opt_outs):
        monkeypatch.setattr(module, "parse_recipient", watching(module.parse_recipient))
    monkeypatch.setattr(facade, "segment", watching(facade.segment))
    return seen


def send_from_phone(api: Api) -> Any:
    message = {"phone": PHONE, "to": MINE, "body": "Hi"}
    return api.request("POST", "/_trunkline/inbox/messages", json=message)


CALLS: dict[str, Callable[[Api], Any]] = {
    "add": lambda api: api.post(NUMBERS, {"Number": "(415) 555-0112"}, auth=OPERATOR),
    "assign": lambda api: api.post(f"{NUMBERS}/{FREE}", {"AccountSid": ACCOUNT_SID}, auth=OPERATOR),
    "remove": lambda api: api.delete(f"{NUMBERS}/{FREE}", auth=OPERATOR),
    "buy": lambda api: api.post(
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json", {"PhoneNumber": FREE}
    ),
    "phone": send_from_phone,
    "opt out": lambda api: api.post("/_trunkline/opt-outs", {"Scope": MINE, "Recipient": "(415) 555-0123"}),
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers_are_parsed_before_the_transaction(api: Api, parsed: list[bool], name: str) -> None:
    own(api, MINE)
    api.post(NUMBERS, {"Number": FREE}, auth=OPERATOR)
    parsed.clear()
    response = CALLS[name](api)
    assert response.status_code in (200, 201, 202, 204), response.text
    assert parsed
    assert not any(parsed)
