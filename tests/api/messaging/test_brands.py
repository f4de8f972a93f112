"""Brand registrations, their OTPs and vettings."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.conftest import Api, assert_error
from api.messaging.registrations import (
    BRANDS,
    BUNDLE,
    PROFILE,
    Operator,
    brand,
    campaign,
    service,
    usa2p,
)
from trunkline.api.errors import ApiError

SOLE = {"BrandType": "SOLE_PROPRIETOR"}


@pytest.fixture
def manual(settings_overrides: dict[str, Any]) -> None:
    settings_overrides["compliance_approval"] = "manual"


def test_a_brand_is_approved_at_once(api: Api) -> None:
    made = brand(api)
    assert re.fullmatch("BN[0-9a-f]{32}", made["sid"])
    assert re.fullmatch("B[0-9A-F]{6}", made["tcr_id"])
    assert {name: made[name] for name in made if name not in ("sid", "tcr_id", "links")} == {
        "account_sid": "AC" + "0" * 31 + "1",
        "customer_profile_bundle_sid": BUNDLE,
        "a2p_profile_bundle_sid": PROFILE,
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "brand_type": "STANDARD",
        "status": "APPROVED",
        "failure_reason": None,
        "url": f"http://127.0.0.1:8080{BRANDS}/{made['sid']}",
        "brand_score": 100,
        "brand_feedback": None,
        "identity_status": "VERIFIED",
        "russell_3000": None,
        "government_entity": None,
        "tax_exempt_status": None,
        "skip_automatic_sec_vet": False,
        "mock": False,
        "errors": [],
    }
    assert made["links"] == {
        "brand_vettings": f"{made['url']}/Vettings",
        "brand_registration_otps": f"{made['url']}/SmsOtp",
    }
    assert api.get(f"{BRANDS}/{made['sid']}").json() == made


def test_without_vetting_there_is_no_score(api: Api) -> None:
    made = brand(api, SkipAutomaticSecVet="true", Mock="true")
    assert (made["brand_score"], made["skip_automatic_sec_vet"], made["mock"]) == (None, True, True)
    assert brand(api, **SOLE)["brand_score"] is None


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"CustomerProfileBundleSid": BUNDLE},
        {"A2PProfileBundleSid": BUNDLE},
        {"CustomerProfileBundleSid": BUNDLE, "A2PProfileBundleSid": "BU1"},
        {"CustomerProfileBundleSid": BUNDLE, "A2PProfileBundleSid": PROFILE, "BrandType": "x"},
        {"CustomerProfileBundleSid": BUNDLE, "A2PProfileBundleSid": PROFILE, "Mock": "x"},
    ],
)
def test_a_bad_brand_is_refused(api: Api, form: dict[str, str]) -> None:
    assert_error(api.post(BRANDS, form), 400, 20001)
    assert api.get(BRANDS).json()["data"] == []


def test_brands_are_listed_in_pages(api: Api) -> None:
    sids = []
    for _ in range(3):
        sids.append(brand(api)["sid"])
        api.clock.advance(1)
    page = api.get(BRANDS, {"PageSize": 2}).json()
    rest = api.get(page["meta"]["next_page_url"]).json()
    assert page["meta"]["key"] == "data"
    assert [row["sid"] for row in page["data"] + rest["data"]] == sids


def test_an_unknown_brand_is_not_found(api: Api) -> None:
    path = f"{BRANDS}/BN{'0' * 32}"
    for response in (
        api.get(path),
        api.post(path),
        api.post(f"{path}/SmsOtp"),
        api.get(f"{path}/Vettings"),
        api.post(f"{path}/Vettings", {"VettingProvider": "aegis"}),
        api.get(f"{path}/Vettings/VT{'0' * 32}"),
    ):
        assert_error(response, 404, 20404)


def test_the_operator_approves(manual: None, api: Api) -> None:
    made, operator = brand(api), Operator(api)
    assert [made[name] for name in ("status", "tcr_id", "identity_status", "brand_score")] == [
        "PENDING",
        None,
        None,
        None,
    ]
    assert [one["sid"] for one in operator.request("GET", "")["waiting"]] == [made["sid"]]
    api.clock.advance(60)
    assert operator.decide(made["sid"], "review")["status"] == "IN_REVIEW"
    shown = operator.decide(made["sid"], "approve", BrandScore="60")
    assert (shown["kind"], shown["subject"], shown["status"]) == ("brand", "STANDARD", "APPROVED")
    assert shown["updated_at"] > shown["created_at"]
    assert operator.request("GET", f"/{made['sid']}") == shown
    assert operator.request("GET", "")["waiting"] == []
    approved = api.get(f"{BRANDS}/{made['sid']}").json()
    assert (approved["status"], approved["identity_status"], approved["brand_score"]) == (
        "APPROVED",
        "VERIFIED",
        60,
    )
    assert approved["tcr_id"]
    assert approved["date_updated"] > approved["date_created"]


def test_a_mock_brand_needs_no_review(manual: None, api: Api) -> None:
    assert brand(api, Mock="true")["status"] == "APPROVED"


def test_a_rejected_brand_is_handed_in_again_three_times(manual: None, api: Api) -> None:
    path, operator = f"{BRANDS}/{brand(api)['sid']}", Operator(api)
    sid = path.rpartition("/")[2]
    assert_error(api.post(path), 400, 21725)
    operator.decide(
        sid,
        "reject",
        Errors=['{"error_code": 30701, "description": "No such state", "fields": ["region"]}'],
    )
    failed = api.get(path).json()
    assert (failed["status"], failed["failure_reason"]) == ("FAILED", "No such state")
    assert failed["errors"] == [
        {
            "error_code": 30701,
            "fields": ["region"],
            "url": "https://www.twilio.com/docs/api/errors/30701",
            "description": "No such state",
        }
    ]
    for _ in range(3):
        again = api.post(path)
        assert again.status_code == 202
        assert (again.json()["status"], again.json()["errors"], again.json()["failure_reason"]) == (
            "PENDING",
            [],
            None,
        )
        operator.decide(sid, "reject", Reason="Still none")
    assert [one["error_code"] for one in api.get(path).json()["errors"]] == [30792]
    assert_error(api.post(path), 400, 21724)


def test_what_is_handed_in_again_is_approved_at_once(api: Api) -> None:
    made = brand(api)
    Operator(api).decide(made["sid"], "reject")
    again = api.post(f"{BRANDS}/{made['sid']}")
    assert (again.status_code, again.json()["status"], again.json()["errors"]) == (202, "APPROVED", [])


@pytest.fixture
def approval(request: pytest.FixtureRequest, settings_overrides: dict[str, Any]) -> None:
    settings_overrides["compliance_approval"] = request.param


@pytest.mark.parametrize(
    ("approval", "then"), [("auto", "VERIFIED"), ("manual", "UNVERIFIED")], indirect=["approval"]
)
def test_an_otp_proves_who_a_sole_proprietor_is(approval: None, api: Api, then: str) -> None:
    made = brand(api, **SOLE)
    path = f"{BRANDS}/{made['sid']}"
    Operator(api).decide(made["sid"], "approve", IdentityStatus="UNVERIFIED")
    otp = api.post(f"{path}/SmsOtp")
    assert otp.status_code == 201
    assert otp.json() == {"account_sid": made["account_sid"], "brand_registration_sid": made["sid"]}
    assert api.get(path).json()["identity_status"] == then


def test_vettings(api: Api) -> None:
    made = brand(api, SkipAutomaticSecVet="true")
    path = f"{BRANDS}/{made['sid']}/Vettings"
    form = {"VettingProvider": "campaign-verify", "VettingId": "cv|1.0|tcr|10dlc|x|y"}
    imported = api.post(path, form)
    assert imported.status_code == 201
    vetting = imported.json()
    assert vetting == {
        "account_sid": made["account_sid"],
        "brand_sid": made["sid"],
        "brand_vetting_sid": vetting["brand_vetting_sid"],
        "vetting_provider": "campaign-verify",
        "vetting_id": "cv|1.0|tcr|10dlc|x|y",
        "vetting_class": "POLITICAL",
        "vetting_status": "SUCCESS",
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "url": f"{made['url']}/Vettings/{vetting['brand_vetting_sid']}",
    }
    assert api.get(vetting["url"]).json() == vetting
    vetted = api.get(made["url"]).json()
    assert (vetted["identity_status"], vetted["brand_score"]) == ("VETTED_VERIFIED", None)
    second = api.post(path, {"VettingProvider": "aegis"}).json()
    assert (second["vetting_class"], second["vetting_id"]) == ("STANDARD", None)
    assert api.get(made["url"]).json()["brand_score"] == 100
    listed = {row["brand_vetting_sid"] for row in api.get(path).json()["data"]}
    assert listed == {vetting["brand_vetting_sid"], second["brand_vetting_sid"]}
    chosen = api.get(path, {"VettingProvider": "aegis"}).json()["data"]
    assert [row["brand_vetting_sid"] for row in chosen] == [second["brand_vetting_sid"]]
    other = brand(api)["sid"]
    assert_error(api.get(f"{BRANDS}/{other}/Vettings/{vetting['brand_vetting_sid']}"), 404, 20404)
    for form in ({}, {"VettingProvider": "x"}):
        assert_error(api.post(path, form), 400, 20001)


def test_the_operator_ends_a_vetting(manual: None, api: Api) -> None:
    made, operator = brand(api, SkipAutomaticSecVet="true"), Operator(api)
    path = f"{BRANDS}/{made['sid']}/Vettings"
    assert_error(api.post(path, {"VettingProvider": "aegis"}), 400, 21721)
    operator.decide(made["sid"], "approve")
    service_sid = service(api)
    registered = campaign(api, service_sid, made["sid"])
    assert registered["rate_limits"]["att"]["mps"] == 4
    api.clock.advance(60)
    for decision, status in (("reject", "FAILED"), ("approve", "SUCCESS")):
        vetting = api.post(path, {"VettingProvider": "aegis"}).json()
        assert vetting["vetting_status"] == "PENDING"
        operator.decide(vetting["brand_vetting_sid"], decision, BrandScore="55")
        assert api.get(vetting["url"]).json()["vetting_status"] == status
    assert api.get(made["url"]).json()["brand_score"] == 55
    rated = api.get(usa2p(service_sid, registered["sid"])).json()
    assert rated["rate_limits"] == {
        "att": {"mps": 40, "msg_class": "D"},
        "tmobile": {"brand_tier": "UPPER_MID"},
    }
    # A brand has any number of campaigns: none of them is written for its score.
    assert rated["date_updated"] == registered["date_updated"]


def test_a_sole_proprietor_is_not_vetted(api: Api) -> None:
    path = f"{BRANDS}/{brand(api, **SOLE)['sid']}/Vettings"
    assert_error(api.post(path, {"VettingProvider": "campaign-verify"}), 400, 21721)


def test_a_brand_of_another_account_is_not_there(api: Api) -> None:
    made = brand(api)
    sub = api.post("/2010-04-01/Accounts.json").json()
    other = (sub["sid"], sub["auth_token"])
    assert api.get(BRANDS, auth=other).json()["data"] == []
    assert_error(api.get(f"{BRANDS}/{made['sid']}", auth=other), 404, 20404)
    assert_error(api.post(f"{BRANDS}/{made['sid']}/SmsOtp", auth=other), 404, 20404)
    with pytest.raises(ApiError) as caught:
        Operator(api).request("POST", f"/{made['sid']}/reject", user=other[0], password=other[1])
    assert caught.value.status == 403
    path = f"/{made['sid']}/reject?AccountSid={other[0]}"
    assert Operator(api).request("POST", path) is None
