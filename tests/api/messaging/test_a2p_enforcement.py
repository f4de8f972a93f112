"""The rules of US carriers and their effects on messages, from their creation to their end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from api.conftest import Api
from api.messaging.registrations import VERIFICATION, VERIFICATIONS, Operator, brand, campaign, pairs
from api.messaging.stock import MESSAGES, own, send, service

TO = "+14155550199"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"a2p_enforced": True, "a2p_caps": True, "tollfree_enforced": True}


def ended(api: Api, **form: str) -> tuple[str, int | None]:
    """Return the last status of a new message, and its error; the clock runs on, so that no rate holds it up."""
    sid = send(api, To=TO, **form)["sid"]
    deadline = time.monotonic() + 15
    while True:
        api.clock.advance(1)
        message = api.get(f"{MESSAGES}/{sid}.json").json()
        if message["status"] in ("delivered", "undelivered", "failed"):
            return message["status"], message["error_code"]
        assert time.monotonic() < deadline, message


def test_a_campaign_lets_messages_through(api: Api) -> None:
    number = own(api, "+14155550122")
    service_sid = service(api, number)
    assert ended(api, MessagingServiceSid=service_sid) == ("failed", 30034)
    assert ended(api, From=number.number) == ("failed", 30034)
    registered = campaign(api, service_sid, brand(api)["sid"])
    assert ended(api, MessagingServiceSid=service_sid) == ("delivered", None)
    assert ended(api, From=number.number) == ("delivered", None)
    Operator(api).decide(registered["sid"], "suspend")
    assert ended(api, MessagingServiceSid=service_sid) == ("failed", 30033)


def test_a_mock_campaign_which_no_operator_has_approved_lets_nothing_through(api: Api) -> None:
    number = own(api, "+14155550122")
    service_sid = service(api, number)
    made = campaign(api, service_sid, brand(api, Mock="true")["sid"])
    assert made["campaign_status"] == "VERIFIED"
    assert ended(api, MessagingServiceSid=service_sid) == ("failed", 30034)


def test_a_verification_lets_messages_through(api: Api) -> None:
    number = own(api, "+18005550123", kind="toll-free")
    assert ended(api, From=number.number) == ("failed", 30032)
    form = pairs(VERIFICATION, TollfreePhoneNumberSid=number.sid)
    assert api.post(VERIFICATIONS, form).status_code == 201
    assert ended(api, From=number.number) == ("delivered", None)
