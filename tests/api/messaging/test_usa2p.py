"""A2P campaigns of Messaging Services, their use cases, and campaigns that were registered elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.registrations import (
    CAMPAIGN,
    CHANGES,
    V1,
    Operator,
    brand,
    campaign,
    pairs,
    service,
    usa2p,
)
from trunkline.products.messaging.campaign_usecases import USECASES

EXTENDED = {"X-Twilio-Api-Version": "v1.2"}
POLICY = {
    "PrivacyPolicyUrl": "https://example.com/privacy",
    "TermsAndConditionsUrl": "https://example.com/terms",
}
ELSEWHERE = f"{V1}/Services/PreregisteredUsa2p"


@pytest.fixture
def manual(settings_overrides: dict[str, Any]) -> None:
    settings_overrides["compliance_approval"] = "manual"


def registered(api: Api, service_sid: str) -> bool:
    """Return whether the Service is shown as registered, fetched and listed."""
    fetched = api.get(f"{V1}/Services/{service_sid}").json()["us_app_to_person_registered"]
    rows = api.get(f"{V1}/Services").json()["services"]
    assert [fetched] == [row["us_app_to_person_registered"] for row in rows if row["sid"] == service_sid]
    return bool(fetched)


def test_a_campaign_with_defaults(api: Api) -> None:
    service_sid, brand_sid = service(api), brand(api)["sid"]
    assert not registered(api, service_sid)
    made = campaign(api, service_sid, brand_sid)
    assert re.fullmatch("QE[0-9a-f]{32}", made["sid"])
    assert re.fullmatch("C[0-9A-F]{6}", made["campaign_id"])
    assert {name: made[name] for name in made if name not in ("sid", "campaign_id")} == {
        "account_sid": ACCOUNT_SID,
        "brand_registration_sid": brand_sid,
        "messaging_service_sid": service_sid,
        "description": CAMPAIGN["Description"],
        "message_samples": CAMPAIGN["MessageSamples"],
        "us_app_to_person_usecase": "MARKETING",
        "has_embedded_links": True,
        "has_embedded_phone": False,
        "subscriber_opt_in": True,
        "age_gated": False,
        "direct_lending": False,
        "campaign_status": "VERIFIED",
        "is_externally_registered": False,
        "rate_limits": {"att": {"mps": 75, "msg_class": "B"}, "tmobile": {"brand_tier": "TOP"}},
        "message_flow": CAMPAIGN["MessageFlow"],
        "opt_in_message": None,
        "opt_out_message": "You have successfully been unsubscribed. You will not receive any more messages"
        " from this number. Reply START to resubscribe.",
        "help_message": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
        "opt_in_keywords": None,
        "opt_out_keywords": ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"],
        "help_keywords": ["HELP", "INFO"],
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "url": f"http://127.0.0.1:8080{usa2p(service_sid, made['sid'])}",
        "mock": False,
        "errors": [],
    }
    assert api.get(made["url"]).json() == made
    page = api.get(usa2p(service_sid)).json()
    assert (page["meta"]["key"], page["compliance"]) == ("compliance", [made])
    assert registered(api, service_sid)


def test_everything_can_be_given(api: Api) -> None:
    given: dict[str, Any] = {
        "OptInMessage": "Acme: you are in now.",
        "OptOutMessage": "Acme: you are out now.",
        "HelpMessage": "Acme: call us for help.",
        "OptInKeywords": ["JOIN", "IN2"],
        "OptOutKeywords": ["LEAVE"],
        "HelpKeywords": ["HOW"],
        "SubscriberOptIn": "false",
        "AgeGated": "true",
        "DirectLending": "true",
    }
    service_sid = service(api)
    made = campaign(api, service_sid, brand(api)["sid"], **given, **POLICY)
    shown = {name: made[name] for name in made if name.startswith(("opt_", "help_"))}
    assert shown == {
        "opt_in_message": "Acme: you are in now.",
        "opt_out_message": "Acme: you are out now.",
        "help_message": "Acme: call us for help.",
        "opt_in_keywords": ["JOIN", "IN2"],
        "opt_out_keywords": ["LEAVE"],
        "help_keywords": ["HOW"],
    }
    assert (made["subscriber_opt_in"], made["age_gated"], made["direct_lending"]) == (False, True, True)
    assert "privacy_policy_url" not in made


def test_a_newer_version_of_the_api_shows_more(api: Api) -> None:
    service_sid, brand_sid = service(api), brand(api)["sid"]
    form = pairs(CAMPAIGN, BrandRegistrationSid=brand_sid, OptInMessage="Acme: you are in now.", **POLICY)
    made = api.post(usa2p(service_sid), form, headers=EXTENDED).json()
    assert made["opt_in_keywords"] == ["START"]
    policy = {
        "privacy_policy_url": "https://example.com/privacy",
        "terms_and_conditions_url": "https://example.com/terms",
    }
    assert policy.items() <= made.items()
    assert api.get(made["url"], headers=EXTENDED).json() == made
    assert api.get(usa2p(service_sid), headers=EXTENDED).json()["compliance"] == [made]
    plain = {name: value for name, value in made.items() if name not in policy}
    for version in ("v1", "v1.1", "1.2", "", "v1.2.3"):
        assert api.get(made["url"], headers={"X-Twilio-Api-Version": version}).json() == plain
    assert api.get(made["url"], headers={"X-Twilio-Api-Version": "v2"}).json() == made
    updated = api.post(made["url"], pairs(CHANGES, PrivacyPolicyUrl=""), headers=EXTENDED).json()
    assert (updated["privacy_policy_url"], updated["terms_and_conditions_url"]) == (
        None,
        "https://example.com/terms",
    )


BAD: list[tuple[dict[str, Any], int]] = [
    *(({name: None}, 21727) for name in (*CAMPAIGN, "BrandRegistrationSid")),
    ({"MessageSamples": ""}, 21727),
    ({"OptInKeywords": ["JOIN"]}, 21727),
    ({"Description": "d" * 39}, 21728),
    ({"Description": "d" * 4097}, 21728),
    ({"Description": ""}, 21728),
    ({"MessageFlow": "f" * 39}, 21728),
    ({"MessageFlow": "f" * 2049}, 21728),
    ({"MessageSamples": ["s" * 20]}, 21728),
    ({"MessageSamples": ["s" * 20] * 6}, 21728),
    ({"MessageSamples": ["s" * 20, "s" * 19]}, 21728),
    ({"MessageSamples": ["s" * 20, "s" * 1025]}, 21728),
    ({"OptInMessage": "m" * 19}, 21728),
    ({"OptOutMessage": "m" * 321}, 21728),
    ({"HelpMessage": "m" * 19}, 21728),
    ({"HelpKeywords": ["k" * 256]}, 21728),
    ({"OptOutKeywords": ["no way"]}, 20001),
    ({"UsAppToPersonUsecase": "marketing"}, 21720),
    ({"UsAppToPersonUsecase": "SPAM"}, 21720),
    ({"UsAppToPersonUsecase": "SOLE_PROPRIETOR"}, 21717),
    ({"BrandRegistrationSid": "BN" + "0" * 32}, 21717),
    ({"BrandRegistrationSid": "BN1"}, 21717),
    ({"HasEmbeddedLinks": "perhaps"}, 20001),
    ({"AgeGated": "perhaps"}, 20001),
    ({"PrivacyPolicyUrl": "example.com"}, 20001),
]

GOOD: list[dict[str, Any]] = [
    {"Description": "d" * 40, "MessageFlow": "f" * 40, "MessageSamples": ["s" * 20] * 2},
    {"Description": "d" * 4096, "MessageFlow": "f" * 2048, "MessageSamples": ["ß" * 1024] * 5},
    {"OptInMessage": "m" * 20, "OptOutMessage": "m" * 320, "HelpKeywords": ["k" * 255]},
]


def test_bad_campaigns_are_refused(api: Api) -> None:
    service_sid, brand_sid = service(api), brand(api)["sid"]
    for changes, code in BAD:
        form = pairs(CAMPAIGN, **{"BrandRegistrationSid": brand_sid, **changes})
        assert_error(api.post(usa2p(service_sid), form), 400, code)
    assert api.get(usa2p(service_sid)).json()["compliance"] == []
    for changes in GOOD:
        made = campaign(api, service_sid, brand_sid, **changes)
        assert api.delete(made["url"]).status_code == 204


def test_a_service_has_one_campaign(api: Api) -> None:
    service_sid, brand_sid = service(api), brand(api)["sid"]
    made = campaign(api, service_sid, brand_sid)
    form = pairs(CAMPAIGN, BrandRegistrationSid=brand_sid)
    assert_error(api.post(usa2p(service_sid), form), 409, 20409)
    elsewhere = {"CampaignId": "CABC123", "MessagingServiceSid": service_sid}
    assert_error(api.post(ELSEWHERE, elsewhere), 409, 20409)
    assert api.delete(made["url"]).status_code == 204
    assert_error(api.delete(made["url"]), 404, 20404)
    assert_error(api.get(made["url"]), 404, 20404)
    assert not registered(api, service_sid)
    repeated = {**dict(form), "MessageSamples": CAMPAIGN["MessageSamples"]}
    responses = api.together(*[("POST", usa2p(service_sid), repeated)] * 4)
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]


def test_deleting_a_service_deletes_its_campaign(api: Api) -> None:
    service_sid, brand_sid = service(api), brand(api)["sid"]
    made = campaign(api, service_sid, brand_sid)
    assert api.delete(f"{V1}/Services/{service_sid}").status_code == 204
    assert_error(api.get(made["url"]), 404, 20404)
    assert Operator(api).request("GET", f"/{made['sid']}") is None
    assert api.get(f"{V1}/a2p/BrandRegistrations/{brand_sid}").json()["status"] == "APPROVED"


def test_a_campaign_is_described_anew(api: Api) -> None:
    made = campaign(api, service(api), brand(api)["sid"])
    api.clock.advance(60)
    updated = api.post(made["url"], pairs(CHANGES))
    assert updated.status_code == 200
    assert updated.json() == {
        **made,
        "description": CHANGES["Description"],
        "message_flow": CHANGES["MessageFlow"],
        "message_samples": CHANGES["MessageSamples"],
        "has_embedded_links": False,
        "has_embedded_phone": True,
        "age_gated": True,
        "direct_lending": True,
        "date_updated": updated.json()["date_updated"],
    }
    assert updated.json()["date_updated"] > made["date_updated"]
    for name in CHANGES:
        assert_error(api.post(made["url"], pairs(CHANGES, **{name: None})), 400, 21727)
    for changes in ({"Description": "d"}, {"MessageFlow": "f"}, {"MessageSamples": ["s" * 20]}):
        assert_error(api.post(made["url"], pairs(CHANGES, **changes)), 400, 21728)
    assert api.get(made["url"]).json() == updated.json()


def test_the_operator_decides(manual: None, api: Api) -> None:
    service_sid, made, operator = service(api), brand(api), Operator(api)
    form = pairs(CAMPAIGN, BrandRegistrationSid=made["sid"])
    assert_error(api.post(usa2p(service_sid), form), 400, 21717)
    operator.decide(made["sid"], "approve", IdentityStatus="UNVERIFIED")
    assert_error(api.post(usa2p(service_sid), form), 400, 21717)
    operator.decide(made["sid"], "approve")
    pending = campaign(api, service_sid, made["sid"])
    assert (pending["campaign_status"], registered(api, service_sid)) == ("PENDING", False)
    waiting = operator.request("GET", "")["waiting"]
    assert [(one["kind"], one["sid"], one["subject"]) for one in waiting] == [
        ("campaign", pending["sid"], service_sid)
    ]
    assert operator.decide(pending["sid"], "review")["status"] == "IN_PROGRESS"
    assert [one["status"] for one in operator.request("GET", "")["waiting"]] == ["IN_PROGRESS"]
    finding = '{"error_code": 30897, "fields": ["MESSAGE_FLOW"], "description": "Disallowed."}'
    operator.decide(pending["sid"], "reject", Errors=[finding])
    failed = api.get(pending["url"]).json()
    assert failed["campaign_status"] == "FAILED"
    assert failed["errors"] == [
        {
            "error_code": 30897,
            "fields": ["MESSAGE_FLOW"],
            "url": "https://www.twilio.com/docs/api/errors/30897",
            "description": "Disallowed.",
        }
    ]
    again = api.post(pending["url"], pairs(CHANGES)).json()
    assert (again["campaign_status"], again["errors"]) == ("PENDING", [])
    operator.decide(pending["sid"], "approve")
    assert api.get(pending["url"]).json()["campaign_status"] == "VERIFIED"
    assert registered(api, service_sid)
    edited = api.post(pending["url"], pairs(CHANGES)).json()
    assert edited["campaign_status"] == "VERIFIED"


def test_a_suspended_campaign_cannot_be_changed(api: Api) -> None:
    service_sid, operator = service(api), Operator(api)
    made = campaign(api, service_sid, brand(api)["sid"])
    operator.decide(made["sid"], "suspend")
    assert api.get(made["url"]).json()["campaign_status"] == "SUSPENDED"
    assert not registered(api, service_sid)
    assert_error(api.post(made["url"], pairs(CHANGES)), 400, 21729)
    assert_error(api.delete(made["url"]), 400, 21729)
    operator.decide(made["sid"], "approve")
    assert api.delete(made["url"]).status_code == 204


def test_what_was_rejected_is_verified_at_once_when_handed_in_again(api: Api) -> None:
    made = campaign(api, service(api), brand(api)["sid"])
    Operator(api).decide(made["sid"], "reject", Reason="No.")
    assert [one["description"] for one in api.get(made["url"]).json()["errors"]] == ["No."]
    again = api.post(made["url"], pairs(CHANGES)).json()
    assert (again["campaign_status"], again["errors"]) == ("VERIFIED", [])


def test_a_mock_brand_has_mock_campaigns(manual: None, api: Api) -> None:
    made = campaign(api, service(api), brand(api, Mock="true")["sid"])
    assert (made["mock"], made["campaign_status"]) == (True, "VERIFIED")
    shown = api.get(f"/messaging/v1/Services/{made['messaging_service_sid']}").json()
    assert shown["us_app_to_person_registered"] is False, "a mock campaign registers nothing"


def test_a_sole_proprietor_has_one_campaign(api: Api) -> None:
    brand_sid = brand(api, BrandType="SOLE_PROPRIETOR")["sid"]
    sole = {"UsAppToPersonUsecase": "SOLE_PROPRIETOR"}
    first = service(api)
    assert_error(api.post(usa2p(first), pairs(CAMPAIGN, BrandRegistrationSid=brand_sid)), 400, 21717)
    made = campaign(api, first, brand_sid, **sole)
    assert made["rate_limits"] == {"att": {"mps": 0.25, "msg_class": "W"}, "tmobile": {"brand_tier": "LOW"}}
    form = pairs(CAMPAIGN, BrandRegistrationSid=brand_sid, **sole)
    assert_error(api.post(usa2p(service(api)), form), 400, 21717)


def test_use_cases_must_go_together(api: Api) -> None:
    service_sid, brand_sid = service(api, Usecase="verification"), brand(api)["sid"]
    form = pairs(CAMPAIGN, BrandRegistrationSid=brand_sid)
    assert_error(api.post(usa2p(service_sid), form), 400, 21719)
    campaign(api, service_sid, brand_sid, UsAppToPersonUsecase="2FA")
    path = f"{V1}/Services/{service_sid}"
    assert_error(api.post(path, {"Usecase": "marketing", "FriendlyName": "t"}), 400, 21719)
    fetched = api.get(path).json()
    assert (fetched["usecase"], fetched["friendly_name"]) == ("verification", "s")
    assert api.post(path, {"Usecase": "undeclared"}).json()["usecase"] == "undeclared"


def test_use_cases_are_offered(api: Api) -> None:
    def codes(service_sid: str, **query: str) -> list[str]:
        rows = api.get(usa2p(service_sid, "Usecases"), query).json()["us_app_to_person_usecases"]
        assert all(
            list(row) == ["code", "name", "description", "post_approval_required"]
            and row["name"]
            and row["description"]
            for row in rows
        )
        return [row["code"] for row in rows]

    anything = service(api)
    every = [one.code for one in USECASES]
    assert len(every) == 20
    assert codes(anything) == every
    assert codes(anything, BrandRegistrationSid="") == every
    rows = api.get(usa2p(anything, "Usecases")).json()["us_app_to_person_usecases"]
    assert {row["code"] for row in rows if row["post_approval_required"]} == {
        *("AGENTS_FRANCHISES", "PROXY", "EMERGENCY", "K12_EDUCATION", "SOCIAL", "SWEEPSTAKE")
    }
    standard, sole = brand(api)["sid"], brand(api, BrandType="SOLE_PROPRIETOR")["sid"]
    assert codes(anything, BrandRegistrationSid=standard) == every
    assert codes(anything, BrandRegistrationSid=sole) == ["SOLE_PROPRIETOR"]
    polls = service(api, Usecase="poll")
    assert "POLLING_VOTING" in codes(polls)
    assert "MARKETING" not in codes(polls)
    Operator(api).decide(standard, "suspend")
    assert codes(anything, BrandRegistrationSid=standard) == []
    for bad in ("BN" + "0" * 32, "BN1"):
        assert_error(api.get(usa2p(anything, "Usecases"), {"BrandRegistrationSid": bad}), 400, 21717)
    assert_error(api.get(usa2p("MG" + "0" * 32, "Usecases")), 404, 20404)


def test_a_campaign_that_was_registered_elsewhere(manual: None, api: Api) -> None:
    service_sid, operator = service(api), Operator(api)
    form = {"CampaignId": "CABC123", "MessagingServiceSid": service_sid}
    made = api.post(ELSEWHERE, {**form, "CnpMigration": "true"})
    assert made.status_code == 201
    assert made.json() == {
        "sid": made.json()["sid"],
        "account_sid": ACCOUNT_SID,
        "campaign_id": "CABC123",
        "messaging_service_sid": service_sid,
        "date_created": made.json()["date_created"],
    }
    fetched = api.get(usa2p(service_sid, made.json()["sid"]), headers=EXTENDED).json()
    assert fetched["is_externally_registered"] is True
    assert (fetched["campaign_status"], fetched["campaign_id"]) == ("PENDING", "CABC123")
    for name in ("brand_registration_sid", "description", "message_samples", "rate_limits"):
        assert fetched[name] is None
    operator.decide(fetched["sid"], "approve")
    assert registered(api, service_sid)
    for bad in ({"CampaignId": "C"}, {"MessagingServiceSid": service_sid}, {**form, "CnpMigration": "x"}):
        assert_error(api.post(ELSEWHERE, bad), 400, 20001)
    assert_error(api.post(ELSEWHERE, {**form, "MessagingServiceSid": "MG" + "0" * 32}), 404, 21701)


def test_what_is_not_there_is_not_found(api: Api) -> None:
    service_sid, nobody = service(api), "MG" + "0" * 32
    brand_sid = brand(api)["sid"]
    made = campaign(api, service_sid, brand_sid)
    other = service(api)
    form = pairs(CAMPAIGN, BrandRegistrationSid=brand_sid)
    for response in (
        api.post(usa2p(nobody), form),
        api.get(usa2p(nobody)),
        api.get(usa2p(service_sid, "QE" + "0" * 32)),
        api.get(usa2p(other, made["sid"])),
        api.post(usa2p(other, made["sid"]), pairs(CHANGES)),
        api.delete(usa2p(other, made["sid"])),
    ):
        assert_error(response, 404, 20404)
    sub = api.post("/2010-04-01/Accounts.json").json()
    auth = (sub["sid"], sub["auth_token"])
    assert_error(api.get(made["url"], auth=auth), 404, 20404)
    assert_error(api.get(usa2p(service_sid), auth=auth), 404, 20404)
    assert_error(api.delete(made["url"], auth=auth), 404, 20404)
    theirs = api.post(f"{V1}/Services", {"FriendlyName": "t"}, auth=auth).json()["sid"]
    assert_error(api.post(usa2p(theirs), form, auth=auth), 400, 21717)
    assert api.get(made["url"]).json() == made
