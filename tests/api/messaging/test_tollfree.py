"""Toll-free verifications."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.registrations import VERIFICATION, VERIFICATIONS, Operator, pairs
from api.messaging.stock import own
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance.tollfree import is_verified

NUMBER = "+18005550100"

MORE: dict[str, Any] = {
    "CustomerProfileSid": "BU" + "1" * 32,
    "BusinessStreetAddress": "123 Main Street",
    "BusinessStreetAddress2": "Suite 101",
    "BusinessCity": "Anytown",
    "BusinessStateProvinceRegion": "AA",
    "BusinessPostalCode": "11111",
    "BusinessCountry": "US",
    "AdditionalInformation": "see our privacy policy",
    "BusinessContactFirstName": "Ada",
    "BusinessContactLastName": "Day",
    "BusinessContactEmail": "ada@example.com",
    "BusinessContactPhone": "+11231231234",
    "ExternalReferenceId": "abc123",
    "BusinessRegistrationNumber": "123456789",
    "BusinessRegistrationAuthority": "USt-IdNr",
    "BusinessRegistrationCountry": "US",
    "BusinessType": "PRIVATE_PROFIT",
    "BusinessRegistrationPhoneNumber": "+13023334444",
    "DoingBusinessAs": "Owls",
    "OptInConfirmationMessage": "Thank you.",
    "HelpMessageSample": "Call us.",
    "PrivacyPolicyUrl": "https://example.com/privacy",
    "TermsAndConditionsUrl": "https://example.com/terms",
    "AgeGatedContent": "true",
    "OptInKeywords": ["START", "JOIN US"],
    "VettingProvider": "CAMPAIGN_VERIFY",
    "VettingId": "cv|1.0|x",
}


@pytest.fixture
def manual(settings_overrides: dict[str, Any]) -> None:
    settings_overrides["compliance_approval"] = "manual"


def tollfree(api: Api, number: str = NUMBER) -> str:
    """Give the account a toll-free number; return its SID."""
    return str(own(api, number, kind="toll-free").sid)


def verification(api: Api, number_sid: str, **form: Any) -> dict[str, Any]:
    """Return a new verification."""
    made = api.post(VERIFICATIONS, pairs(VERIFICATION, TollfreePhoneNumberSid=number_sid, **form))
    assert made.status_code == 201, made.text
    return dict(made.json())


def verified(api: Api) -> bool:
    """Return whether the number counts as verified."""

    async def query(tx: Tx) -> bool:
        return await is_verified(tx, ACCOUNT_SID, NUMBER)

    return bool(api.run(api.node.database.read(query)))


def snake(name: str) -> str:
    """Return the attribute of a parameter."""
    return re.sub("(?<!^)([A-Z])", r"_\1", name).lower()


def test_a_verification_is_approved_at_once(api: Api) -> None:
    sid = tollfree(api)
    assert not verified(api)
    made = verification(api, sid)
    assert re.fullmatch("HH[0-9a-f]{32}", made["sid"])
    assert re.fullmatch("BU[0-9a-f]{32}", made["trust_product_sid"])
    assert re.fullmatch("RA[0-9a-f]{32}", made["regulated_item_sid"])
    nothing = {snake(name): None for name in MORE}
    given = {snake(name): value for name, value in VERIFICATION.items()}
    made_up = ("sid", "trust_product_sid", "regulated_item_sid")
    assert {name: made[name] for name in made if name not in made_up} == {
        **nothing,
        **given,
        "account_sid": ACCOUNT_SID,
        "tollfree_phone_number_sid": sid,
        "tollfree_phone_number": NUMBER,
        "status": "TWILIO_APPROVED",
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "url": f"http://127.0.0.1:8080{VERIFICATIONS}/{made['sid']}",
        "rejection_reason": None,
        "error_code": None,
        "edit_expiration": None,
        "edit_allowed": None,
        "rejection_reasons": None,
        "resource_links": {},
        "vetting_id_expiration": None,
    }
    assert api.get(made["url"]).json() == made
    assert verified(api)
    assert api.delete(made["url"]).status_code == 204
    assert_error(api.delete(made["url"]), 404, 20404)
    assert_error(api.get(made["url"]), 404, 20404)
    assert not verified(api)


def test_everything_can_be_given_and_changed(api: Api) -> None:
    made = verification(api, tollfree(api), **MORE)
    for name, value in MORE.items():
        assert made[snake(name)] == (True if value == "true" else value)
    cleared = {
        name: ""
        for name in MORE
        if name not in ("AgeGatedContent", "CustomerProfileSid", "ExternalReferenceId")
    }
    changes = {
        **cleared,
        "BusinessName": "Owls, Inc.",
        "UseCaseCategories": ["EVENTS"],
        "AgeGatedContent": "false",
        "EditReason": "We are more now.",
        "CustomerProfileSid": "BU" + "2" * 32,
        "ExternalReferenceId": "other",
        "TollfreePhoneNumberSid": "PN" + "0" * 32,
    }
    api.clock.advance(60)
    changed = api.post(made["url"], pairs(changes))
    assert changed.status_code == 202
    assert changed.json() == {
        **made,
        **{snake(name): None for name in cleared},
        "business_name": "Owls, Inc.",
        "use_case_categories": ["EVENTS"],
        "age_gated_content": False,
        "date_updated": changed.json()["date_updated"],
    }
    assert changed.json()["date_updated"] > made["date_updated"]
    assert api.get(made["url"]).json() == changed.json()


BAD: list[tuple[dict[str, Any], int]] = [
    *(({name: None}, 20001) for name in VERIFICATION),
    *(({name: ""}, 20001) for name in VERIFICATION),
    ({"TollfreePhoneNumberSid": None}, 20001),
    ({"TollfreePhoneNumberSid": "PN1"}, 30436),
    ({"TollfreePhoneNumberSid": "PN" + "0" * 32}, 30436),
    ({"UseCaseCategories": ["MARKETING", "SPAM"]}, 20001),
    ({"OptInType": "NONE"}, 20001),
    ({"OptInImageUrls": ["picture.jpg"]}, 20001),
    ({"BusinessType": "LLC"}, 20001),
    ({"BusinessRegistrationAuthority": "TAX"}, 20001),
    ({"VettingProvider": "AEGIS"}, 20001),
    ({"VettingId": "v" * 501}, 20001),
    ({"PrivacyPolicyUrl": "example.com"}, 20001),
    ({"AgeGatedContent": "perhaps"}, 20001),
    ({"CustomerProfileSid": "BU1"}, 20001),
]


def test_bad_verifications_are_refused(api: Api) -> None:
    sid, local = tollfree(api), own(api, "+14155550100").sid
    for changes, code in [*BAD, ({"TollfreePhoneNumberSid": local}, 30436)]:
        form = pairs(VERIFICATION, **{"TollfreePhoneNumberSid": sid, **changes})
        assert_error(api.post(VERIFICATIONS, form), 400, code)
    assert api.get(VERIFICATIONS).json()["verifications"] == []
    made = verification(api, sid)
    for name in VERIFICATION:
        assert_error(api.post(made["url"], {name: ""}), 400, 20001)
    assert api.get(made["url"]).json() == made


def test_the_operator_decides(manual: None, api: Api) -> None:
    made, operator = verification(api, tollfree(api)), Operator(api)
    assert (made["status"], made["trust_product_sid"], verified(api)) == ("PENDING_REVIEW", None, False)
    waiting = operator.request("GET", "")["waiting"]
    assert [(one["kind"], one["sid"], one["subject"]) for one in waiting] == [
        ("verification", made["sid"], NUMBER)
    ]
    assert api.post(made["url"], {"MessageVolume": "10"}).json()["message_volume"] == "10"
    assert operator.decide(made["sid"], "review")["status"] == "IN_REVIEW"
    assert_error(api.post(made["url"], {"MessageVolume": "100"}), 400, 20001)
    operator.decide(
        made["sid"],
        "reject",
        Errors=[
            '{"error_code": 30466, "description": "Debt"}',
            '{"error_code": 30451, "description": "Address"}',
        ],
    )
    rejected = api.get(made["url"]).json()
    shown = ("status", "rejection_reason", "error_code", "edit_allowed")
    assert [rejected[name] for name in shown] == ["TWILIO_REJECTED", "Debt; Address", 30466, True]
    assert rejected["rejection_reasons"] == [
        {"reason": "Debt", "code": 30466},
        {"reason": "Address", "code": 30451},
    ]
    assert rejected["edit_expiration"] > rejected["date_updated"]
    again = api.post(made["url"], {"BusinessPostalCode": "22222", "EditReason": "Was wrong"})
    assert again.status_code == 202
    assert [again.json()[name] for name in shown] == ["PENDING_REVIEW", None, None, None]
    assert (again.json()["rejection_reasons"], again.json()["edit_expiration"]) == (None, None)
    operator.decide(made["sid"], "approve")
    assert verified(api)
    assert api.post(made["url"], {"MessageVolume": "1"}).json()["status"] == "PENDING_REVIEW"
    assert not verified(api)


def test_a_rejected_verification_may_be_edited_for_a_week(api: Api) -> None:
    made, operator = verification(api, tollfree(api)), Operator(api)
    operator.decide(made["sid"], "reject", EditAllowed="false")
    rejected = api.get(made["url"]).json()
    assert (rejected["edit_allowed"], rejected["edit_expiration"]) == (False, None)
    assert_error(api.post(made["url"], {"MessageVolume": "1"}), 400, 20001)
    operator.decide(made["sid"], "reject", Reason="No.")
    assert api.get(made["url"]).json()["rejection_reason"] == "No."
    api.clock.advance(7 * 24 * 3600)
    assert_error(api.post(made["url"], {"MessageVolume": "1"}), 400, 20001)
    operator.decide(made["sid"], "reject", Reason="No.")
    api.clock.advance(7 * 24 * 3600 - 1)
    assert api.post(made["url"], {"MessageVolume": "1"}).json()["status"] == "TWILIO_APPROVED"


def test_verifications_are_listed(api: Api) -> None:
    first, second = tollfree(api), tollfree(api, "+18335550100")
    made = []
    for sid, reference in ((first, "a"), (second, "b"), (second, "a")):
        made.append(verification(api, sid, ExternalReferenceId=reference))
        api.clock.advance(1)
    Operator(api).decide(made[2]["sid"], "reject")

    def listed(**query: Any) -> list[int]:
        rows = api.get(VERIFICATIONS, pairs(query)).json()["verifications"]
        return [[one["sid"] for one in made].index(row["sid"]) for row in rows]

    assert listed() == [0, 1, 2]
    assert listed(TollfreePhoneNumberSid=second) == [1, 2]
    assert listed(ExternalReferenceId="a") == [0, 2]
    assert listed(Status="TWILIO_APPROVED") == [0, 1]
    assert listed(Status="TWILIO_REJECTED", ExternalReferenceId="a") == [2]
    assert listed(Status="IN_REVIEW") == []
    products = [made[0]["trust_product_sid"], "BU" + "0" * 32]
    assert listed(TrustProductSid=products) == [0]
    page = api.get(VERIFICATIONS, {"PageSize": 1, "ExternalReferenceId": "a"}).json()
    assert page["meta"]["key"] == "verifications"
    following = api.get(page["meta"]["next_page_url"]).json()
    assert [row["sid"] for row in following["verifications"]] == [made[2]["sid"]]
    for bad in ({"Status": "x"}, {"TollfreePhoneNumberSid": "PN1"}, {"IncludeSubAccounts": "x"}):
        assert_error(api.get(VERIFICATIONS, bad), 400, 20001)


def test_those_of_subaccounts_are_listed_on_demand(api: Api) -> None:
    sub = api.post("/2010-04-01/Accounts.json").json()
    auth = (sub["sid"], sub["auth_token"])
    theirs = own(api, "+18335550100", sub["sid"], kind="toll-free").sid
    mine = verification(api, tollfree(api))
    form = pairs(VERIFICATION, TollfreePhoneNumberSid=theirs)
    api.clock.advance(1)
    below = api.post(VERIFICATIONS, form, auth=auth).json()
    assert_error(api.post(VERIFICATIONS, form), 400, 30436)

    def listed(**options: Any) -> list[str]:
        rows = api.get(VERIFICATIONS, **options).json()["verifications"]
        return [row["sid"] for row in rows]

    assert listed() == [mine["sid"]]
    assert listed(query={"IncludeSubAccounts": "false"}) == [mine["sid"]]
    assert listed(query={"IncludeSubAccounts": "true"}) == [mine["sid"], below["sid"]]
    assert listed(query={"IncludeSubAccounts": "true"}, auth=auth) == [below["sid"]]
    for response in (
        api.get(below["url"]),
        api.post(below["url"], {"MessageVolume": "1"}),
        api.delete(below["url"]),
        api.get(mine["url"], auth=auth),
    ):
        assert_error(response, 404, 20404)
