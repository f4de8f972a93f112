"""SIDs of another account of the same main account, in every parameter that names a resource."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.inventory import ACCOUNT, GB, STOCKED, TOLL_FREE, buy, pool, service, subaccount
from api.messaging.registrations import CAMPAIGN, VERIFICATION, VERIFICATIONS, brand, pairs


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return a server with fictional numbers."""
    return STOCKED


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_no_parameter_accepts_a_sid_of_another_account(api: Api) -> None:
    other = subaccount(api)
    theirs = f"/2010-04-01/Accounts/{other[0]}"
    mine, number, toll_free = service(api), buy(api, GB), buy(api, TOLL_FREE)
    application = api.post(f"{ACCOUNT}/Applications.json").json()["sid"]
    brand_sid = brand(api)["sid"]
    number_sid = {"PhoneNumberSid": number["sid"]}
    own = api.post("/messaging/v1/Services", {"FriendlyName": "own"}, auth=other).json()
    bought = api.post(f"{theirs}/IncomingPhoneNumbers.json", {"AreaCode": "415"}, auth=other).json()
    message = {"To": "+15005550100", "Body": "Hi"}
    campaign = pairs(CAMPAIGN, BrandRegistrationSid=brand_sid)
    table: list[tuple[str, Any, int, int]] = [
        (f"{theirs}/Messages.json", {**message, "MessagingServiceSid": mine["sid"]}, 404, 21701),
        (f"{theirs}/Messages.json", {**message, "From": number["phone_number"]}, 400, 21660),
        (
            f"{theirs}/Messages.json",
            {**message, "From": bought["phone_number"], "ApplicationSid": application},
            400,
            21218,
        ),
        (bought["uri"], {"SmsApplicationSid": application}, 400, 21218),
        (bought["uri"], {"VoiceApplicationSid": application}, 400, 21218),
        (bought["uri"], {"AccountSid": ACCOUNT_SID}, 400, 21474),
        (
            f"{theirs}/IncomingPhoneNumbers.json",
            {"AreaCode": "312", "SmsApplicationSid": application},
            400,
            21218,
        ),
        (pool(own), number_sid, 404, 21421),
        (f"/messaging/v1/Services/{own['sid']}/Compliance/Usa2p", campaign, 400, 21717),
        (VERIFICATIONS, pairs(VERIFICATION, TollfreePhoneNumberSid=toll_free["sid"]), 400, 30436),
        (
            "/messaging/v1/Services/PreregisteredUsa2p",
            {"CampaignId": "C123ABC", "MessagingServiceSid": mine["sid"]},
            404,
            21701,
        ),
        ("/notify/v1/Services", {"MessagingServiceSid": mine["sid"]}, 400, 20001),
        ("/iam/v1/Keys", {"AccountSid": ACCOUNT_SID}, 404, 20404),
    ]
    for path, form, status, code in table:
        assert_error(api.post(path, form, auth=other), status, code)
    # The parent names its own resources no more than a subaccount's, where it acts for the subaccount.
    assert_error(api.post(bought["uri"], {"SmsApplicationSid": application}), 400, 21218)
