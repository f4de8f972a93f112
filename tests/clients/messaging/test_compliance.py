"""Brands, campaigns, toll-free verifications and deactivations through the SDKs: every operation and attribute."""

from __future__ import annotations

import datetime
import re
from typing import Any

import httpx
import pytest

from clients.asking import Account, Client
from clients.messaging.beside import beside
from clients.sdks import NODE_SDKS
from servers import Server
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance.reviews import Decision, DecisionKind, decide_review

pytestmark = pytest.mark.parametrize("sdk", ["python", "python-async", "node"])
"""6.10 has none of it."""

BRANDS = "messaging.v1.brand_registrations"
TOLLFREE = "messaging.v1.tollfree_verifications"
CUSTOMER, PROFILE = "BU" + "1" * 32, "BU" + "2" * 32

CAMPAIGN: dict[str, Any] = {
    "Description": "Tells customers of sales, once they have asked to be told of them.",
    "MessageFlow": "People tick a box at www.example.com and leave their number there.",
    "MessageSamples": ["Today all shoes are half price.", "Our new catalogue is out: www.example.com"],
    "HasEmbeddedLinks": True,
    "HasEmbeddedPhone": False,
    "AgeGated": True,
    "DirectLending": False,
    "PrivacyPolicyUrl": "https://example.com/privacy",
    "TermsAndConditionsUrl": "https://example.com/terms",
}
NEW_CAMPAIGN: dict[str, Any] = {
    "UsAppToPersonUsecase": "MARKETING",
    "OptInMessage": "Acme: you are in now.",
    "OptOutMessage": "Acme: you are out now.",
    "HelpMessage": "Acme: call us for help.",
    "OptInKeywords": ["JOIN", "IN"],
    "OptOutKeywords": ["LEAVE"],
    "HelpKeywords": ["HOW"],
    "SubscriberOptIn": True,
}

VERIFICATION: dict[str, Any] = {
    "BusinessName": "Owl, Inc.",
    "BusinessWebsite": "http://www.example.com",
    "NotificationEmail": "support@example.com",
    "UseCaseCategories": ["TWO_FACTOR_AUTHENTICATION", "MARKETING"],
    "UseCaseSummary": "Codes for log-in, and offers.",
    "ProductionMessageSample": "Your code is 12345",
    "OptInImageUrls": ["https://example.com/1.jpg", "https://example.com/2.jpg"],
    "OptInType": "WEB_FORM",
    "MessageVolume": "1,000",
    "BusinessCity": "Anytown",
    "BusinessContactPhone": "+11231231234",
    "BusinessRegistrationAuthority": "EIN",
    "BusinessType": "PRIVATE_PROFIT",
    "PrivacyPolicyUrl": "https://example.com/privacy",
    "AgeGatedContent": True,
    "OptInKeywords": ["START", "JOIN"],
    "VettingProvider": "CAMPAIGN_VERIFY",
    "VettingId": "cv|1.0|x",
}


def service(client: Client) -> str:
    """Return a new Service's chain."""
    return f"messaging.v1.services({client.call('messaging.v1.services', 'create', FriendlyName='s')['sid']})"


def brand(client: Client, **parameters: Any) -> dict[str, Any]:
    """Return a new brand. The SDKs spell the second bundle in two ways."""
    profile = "A2PProfileBundleSid" if client.sdk in NODE_SDKS else "A2pProfileBundleSid"
    bundles = {"CustomerProfileBundleSid": CUSTOMER, profile: PROFILE}
    return dict(client.call(BRANDS, "create", {**bundles, **parameters}))


def snake(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as attributes."""
    return {re.sub("(?<!^)([A-Z])", r"_\1", name).lower(): value for name, value in parameters.items()}


def test_brands(client: Client, server: Server, account: Account) -> None:
    made = brand(client, BrandType="STANDARD", Mock=False, SkipAutomaticSecVet=True)
    url = f"{server.url}/messaging/v1/a2p/BrandRegistrations/{made['sid']}"
    assert made == {
        "sid": made["sid"],
        "account_sid": account.sid,
        "customer_profile_bundle_sid": CUSTOMER,
        "a2p_profile_bundle_sid": PROFILE,
        "date_created": made["date_created"],
        "date_updated": made["date_updated"],
        "brand_type": "STANDARD",
        "status": "APPROVED",
        "tcr_id": made["tcr_id"],
        "failure_reason": None,
        "errors": [],
        "url": url,
        "brand_score": None,
        "brand_feedback": None,
        "identity_status": "VERIFIED",
        "russell3000" if client.sdk in NODE_SDKS else "russell_3000": None,
        "government_entity": None,
        "tax_exempt_status": None,
        "skip_automatic_sec_vet": True,
        "mock": False,
        "links": {"brand_vettings": f"{url}/Vettings", "brand_registration_otps": f"{url}/SmsOtp"},
    }
    assert isinstance(made["date_created"], datetime.datetime)
    chain = f"{BRANDS}({made['sid']})"
    assert client.call(chain, "fetch") == made
    refused = client.refused(chain, "update")
    assert (refused.status, refused.code) == (400, 21725)

    async def reject(tx: Tx) -> Any:
        return await decide_review(
            tx, account.sid, made["sid"], Decision(kind=DecisionKind.REJECT, reason="No.")
        )

    beside(server, lambda database, _: database.write(reject))
    (error,) = client.call(chain, "fetch")["errors"]
    assert (error["error_code"], error["description"]) == (30792, "No.")
    assert client.call(chain, "update")["status"] == "APPROVED"
    second = brand(client, Mock=True)
    assert [row["sid"] for row in client.call(BRANDS, "list", PageSize=1)] == [made["sid"], second["sid"]]
    assert client.dropped == set()


def test_otps_and_vettings(client: Client, account: Account) -> None:
    sole = brand(client, BrandType="SOLE_PROPRIETOR")
    otp = client.call(f"{BRANDS}({sole['sid']}).brand_registration_otps", "create")
    assert otp == {"account_sid": account.sid, "brand_registration_sid": sole["sid"]}
    made = brand(client)
    chain = f"{BRANDS}({made['sid']}).brand_vettings"
    vettings = [
        client.call(chain, "create", VettingProvider="campaign-verify", VettingId="cv|1.0|x"),
        client.call(chain, "create", VettingProvider="aegis"),
    ]
    first = vettings[0]
    assert first == {
        "account_sid": account.sid,
        "brand_sid": made["sid"],
        "brand_vetting_sid": first["brand_vetting_sid"],
        "date_created": first["date_created"],
        "date_updated": first["date_updated"],
        "vetting_id": "cv|1.0|x",
        "vetting_class": "POLITICAL",
        "vetting_status": "SUCCESS",
        "vetting_provider": "campaign-verify",
        "url": f"{made['url']}/Vettings/{first['brand_vetting_sid']}",
    }
    assert client.call(f"{chain}({first['brand_vetting_sid']})", "fetch") == first
    rows = client.call(chain, "list")
    assert sorted(row["brand_vetting_sid"] for row in rows) == sorted(
        row["brand_vetting_sid"] for row in vettings
    )
    assert client.call(chain, "list", VettingProvider="aegis") == [vettings[1]]
    assert client.dropped == set()


def test_campaigns(client: Client, account: Account) -> None:
    chain, registered = service(client), brand(client)
    campaigns = f"{chain}.us_app_to_person"
    form = {**CAMPAIGN, **NEW_CAMPAIGN, "BrandRegistrationSid": registered["sid"]}
    made = client.call(campaigns, "create", {**form, "XTwilioApiVersion": "v1.2"})
    service_sid = made["messaging_service_sid"]
    url = client.call(chain, "fetch")["links"]["us_app_to_person"]
    assert made == {
        **snake(form),
        "sid": made["sid"],
        "account_sid": account.sid,
        "messaging_service_sid": service_sid,
        "campaign_status": "VERIFIED",
        "campaign_id": made["campaign_id"],
        "is_externally_registered": False,
        "rate_limits": {"att": {"mps": 75, "msg_class": "B"}, "tmobile": {"brand_tier": "TOP"}},
        "date_created": made["date_created"],
        "date_updated": made["date_updated"],
        "url": f"{url}/{made['sid']}",
        "mock": False,
        "errors": [],
    }
    assert client.call(chain, "fetch")["us_app_to_person_registered"] is True
    one = f"{campaigns}({made['sid']})"
    plain = client.call(one, "fetch")
    for name in ("privacy_policy_url", "terms_and_conditions_url"):
        assert plain.get(name) in (None, {"$undefined": True})
    assert client.call(one, "fetch", XTwilioApiVersion="v1.2") == made
    assert client.call(campaigns, "list", XTwilioApiVersion="v1.2") == [made]
    changes = {**CAMPAIGN, "Description": "D" * 40, "MessageSamples": ["s" * 20] * 3, "AgeGated": False}
    updated = client.call(one, "update", {**changes, "XTwilioApiVersion": "v1.2"})
    assert updated == {**made, **snake(changes), "date_updated": updated["date_updated"]}
    refused = client.refused(campaigns, "create", **form)
    assert (refused.status, refused.code) == (409, 20409)
    short = client.refused(one, "update", **{**CAMPAIGN, "Description": "short"})
    assert (short.status, short.code) == (400, 21728)
    assert client.call(one, "delete") is True
    gone = client.refused(one, "fetch")
    assert (gone.status, gone.code) == (404, 20404)
    assert client.call(chain, "fetch")["us_app_to_person_registered"] is False
    assert client.dropped == set()


def test_use_cases_of_campaigns(client: Client) -> None:
    chain = f"{service(client)}.us_app_to_person_usecases"
    (usecases,) = client.call(chain, "fetch").values()
    assert len(usecases) == 20
    assert set(usecases[0]) == {"code", "name", "description", "post_approval_required"}
    sole = brand(client, BrandType="SOLE_PROPRIETOR")["sid"]
    (offered,) = client.call(chain, "fetch", BrandRegistrationSid=sole).values()
    assert [usecase["code"] for usecase in offered] == ["SOLE_PROPRIETOR"]
    assert client.dropped == set()


def test_campaigns_that_were_registered_elsewhere(client: Client, account: Account) -> None:
    chain = service(client)
    service_sid = client.call(chain, "fetch")["sid"]
    form = {"CampaignId": "CABC123", "MessagingServiceSid": service_sid, "CnpMigration": True}
    made = client.call("messaging.v1.external_campaign", "create", form)
    assert made == {
        "sid": made["sid"],
        "account_sid": account.sid,
        "campaign_id": "CABC123",
        "messaging_service_sid": service_sid,
        "date_created": made["date_created"],
    }
    (listed,) = client.call(f"{chain}.us_app_to_person", "list")
    assert (listed["sid"], listed["is_externally_registered"]) == (made["sid"], True)
    assert client.dropped == set()


def test_toll_free_verifications(client: Client, server: Server, account: Account) -> None:
    number_sid = new_sid("PN")
    number = f"+1800{int(number_sid[2:10], 16) % 10_000_000:07}"

    async def add(tx: Tx) -> None:
        await tx.run(
            "INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid)"
            " VALUES (:number, 'toll-free', 'US', TRUE, TRUE, TRUE, '', 0, :account_sid, :sid)",
            number=number,
            account_sid=account.sid,
            sid=number_sid,
        )

    beside(server, lambda database, _: database.write(add))
    form = {**VERIFICATION, "TollfreePhoneNumberSid": number_sid, "ExternalReferenceId": "abc"}
    made = client.call(TOLLFREE, "create", form)
    assert snake(form).items() <= made.items()
    rest = {name: value for name, value in made.items() if name not in snake(form)}
    for name in ("sid", "trust_product_sid", "regulated_item_sid"):
        assert re.fullmatch("(HH|BU|RA)[0-9a-f]{32}", rest.pop(name))
    assert {name: value for name, value in rest.items() if value is not None} == {
        "account_sid": account.sid,
        "date_created": made["date_created"],
        "date_updated": made["date_updated"],
        "tollfree_phone_number": number,
        "status": "TWILIO_APPROVED",
        "url": f"{server.url}/messaging/v1/Tollfree/Verifications/{made['sid']}",
        "resource_links": {},
    }
    one = f"{TOLLFREE}({made['sid']})"
    assert client.call(one, "fetch") == made
    updated = client.call(one, "update", MessageVolume="10", OptInKeywords=["YES"], EditReason="less")
    assert updated == {
        **made,
        "message_volume": "10",
        "opt_in_keywords": ["YES"],
        "date_updated": updated["date_updated"],
    }
    every = {
        "TollfreePhoneNumberSid": number_sid,
        "Status": "TWILIO_APPROVED",
        "ExternalReferenceId": "abc",
        "IncludeSubAccounts": True,
        "TrustProductSid": [made["trust_product_sid"]],
    }
    assert client.call(TOLLFREE, "list", every) == [updated]
    assert client.call(TOLLFREE, "list", Status="IN_REVIEW") == []
    assert client.call(one, "delete") is True
    gone = client.refused(one, "update", MessageVolume="10")
    assert (gone.status, gone.code) == (404, 20404)
    assert client.dropped == set()


def test_deactivations(client: Client) -> None:
    yesterday = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).date().isoformat()
    response = client.call("messaging.v1.deactivations()", "fetch", Date=yesterday)
    assert list(response) == ["redirect_to"]
    file = httpx.get(response["redirect_to"], verify=False)
    assert (file.status_code, file.text) == (200, "")
    assert file.headers["content-type"].startswith("text/plain")
    refused = client.refused("messaging.v1.deactivations()", "fetch", Date="2020-01-01")
    assert (refused.status, refused.code) == (400, 30113)
    assert client.dropped == set()
