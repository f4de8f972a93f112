"""The inbox and the purchase of numbers where there is nothing: each names the reason and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.stock import TO, US, own
from trunkline.control.inbox import InboxCarriers

LINES = "/_trunkline/inbox/messages"
NUMBERS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json"
ADD = "`trunkline number add"


@pytest.mark.parametrize(
    ("carriers", "begin"),
    [
        (InboxCarriers(), ""),
        (
            InboxCarriers(True, ("gate", "main")),
            "Messages that leave over other carriers (gate, main) do not appear",
        ),
        (InboxCarriers(False, ("gate",)), "There are no virtual phones: messages leave over the carriers"),
    ],
)
def test_the_reason_is_that_of_the_carriers(carriers: InboxCarriers, begin: str) -> None:
    assert carriers.note.startswith(begin)
    assert bool(carriers.note) is bool(begin)


class TestSandbox:
    """With the sandbox, and with no number."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"sandbox_numbers": False}

    def test_an_account_without_numbers_is_told(self, api: Api) -> None:
        found = api.get(LINES).json()
        assert found["messages"] == []
        assert ADD in found["note"]
        message = {"phone": TO, "to": US, "body": "Hi"}
        assert ADD in assert_error(api.request("POST", LINES, json=message), 400, 20001)["message"]
        for body, code in (({"PhoneNumber": US}, 21422), ({"AreaCode": "415"}, 21452)):
            assert ADD in assert_error(api.post(NUMBERS, body), 400, code)["message"]
        own(api, US)
        assert api.get(LINES).json() == {"messages": [], "note": None}


class TestCarrier:
    """With a carrier, which has all messages."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        gate = {"name": "gate", "kind": "http", "url": "https://gateway.example.com/", "secret": "s" * 16}
        return {"carriers": (gate,)}

    @pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
    def test_the_inbox_says_where_messages_are(self, api: Api) -> None:
        own(api, US)
        found = api.get(LINES).json()
        assert found == {"messages": [], "note": InboxCarriers(False, ("gate",)).note}
        sent = api.request("POST", LINES, json={"phone": TO, "to": US, "body": "Hi"})
        assert assert_error(sent, 400, 20001)["message"] == found["note"]
