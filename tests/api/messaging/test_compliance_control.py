"""The operator's side of compliance: who may use it, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api
from api.messaging.registrations import VERIFICATION as FORM
from api.messaging.registrations import VERIFICATIONS, Operator, brand, campaign, pairs, service
from api.messaging.stock import own
from trunkline.api.errors import ApiError


def refused(operator: Operator, method: str, path: str, **form: Any) -> int:
    """Return the code of a rejection."""
    with pytest.raises(ApiError) as caught:
        operator.request(method, path, form)
    return caught.value.code


def test_it_takes_full_credentials(api: Api) -> None:
    operator, made = Operator(api), brand(api)
    for user, password in ((ACCOUNT_SID, "0" * 32), ("AC" + "9" * 32, "f" * 32)):
        with pytest.raises(ApiError) as caught:
            operator.request("GET", "", user=user, password=password)
        assert caught.value.code == 20003
    key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
    with pytest.raises(ApiError) as caught:
        operator.request("POST", f"/{made['sid']}/suspend", user=key["sid"], password=key["secret"])
    assert caught.value.code == 20003
    assert operator.request("GET", f"/{made['sid']}")["status"] == "APPROVED"


def test_unknown_paths_are_not_answered(api: Api) -> None:
    operator = Operator(api)
    made = brand(api)["sid"]
    for path in (f"/{made}/delete", f"/{made}/approve/x", f"/BN{'0' * 32}"):
        assert operator.request("GET", path) is None
    for decision in ("review", "approve", "reject", "suspend"):
        assert operator.request("POST", f"/BN{'0' * 32}/{decision}") is None
        assert operator.request("POST", f"/deactivations/{decision}") is None


def test_other_methods_are_refused(api: Api) -> None:
    operator = Operator(api)
    made = brand(api)["sid"]
    for method, path in (
        ("POST", ""),
        ("DELETE", f"/{made}"),
        ("GET", f"/{made}/approve"),
        ("PUT", "/deactivations"),
    ):
        assert refused(operator, method, path) == 20004


def test_bad_parameters_are_refused(api: Api) -> None:
    operator = Operator(api)
    made = brand(api)["sid"]
    cases: list[dict[str, Any]] = [
        {"BrandScore": "101"},
        {"BrandScore": "-1"},
        {"IdentityStatus": "KNOWN"},
        {"EditAllowed": "perhaps"},
        {"Reason": ""},
        {"Errors": ["{"]},
        {"Errors": ['{"error_code": "x", "description": "y"}']},
        {"Errors": ["[]"]},
    ]
    for form in cases:
        assert refused(operator, "POST", f"/{made}/reject", **form) == 20001
    for method, form in (
        ("POST", {"Number": "+14155550100"}),
        ("POST", {"Date": "2026-01-01"}),
        ("POST", {"Date": "1.1.2026", "Number": "+14155550100"}),
        ("POST", {"Date": "2026-01-01", "Number": "4155550100"}),
        ("GET", {}),
        ("DELETE", {}),
    ):
        assert refused(operator, method, f"/deactivations?AccountSid={ACCOUNT_SID}", **form) == 20001
    assert refused(operator, "GET", f"/deactivations?Date=x&AccountSid={ACCOUNT_SID}") == 20001
    assert operator.request("GET", f"/{made}")["status"] == "APPROVED"


def test_not_every_verdict_fits_everything(api: Api) -> None:
    operator = Operator(api)
    path = f"{brand(api)['url']}/Vettings"
    vetting = api.post(path, {"VettingProvider": "aegis"}).json()["brand_vetting_sid"]
    number = own(api, "+18005550100", kind="toll-free").sid
    verification = api.post(VERIFICATIONS, pairs(FORM, TollfreePhoneNumberSid=number)).json()["sid"]
    assert refused(operator, "POST", f"/{vetting}/suspend") == 20001
    assert refused(operator, "POST", f"/{vetting}/review") == 20001
    assert refused(operator, "POST", f"/{verification}/suspend") == 20001
    assert operator.request("GET", f"/{verification}")["status"] == "TWILIO_APPROVED"


def test_a_brand_that_is_rated_anew_rates_its_campaigns(api: Api) -> None:
    made = brand(api)
    registered = campaign(api, service(api), made["sid"])
    Operator(api).decide(made["sid"], "approve", BrandScore="10")
    limits = api.get(registered["url"]).json()["rate_limits"]
    assert limits == {"att": {"mps": 4, "msg_class": "F"}, "tmobile": {"brand_tier": "LOW"}}
    assert api.get(made["url"]).json()["tcr_id"] == made["tcr_id"]


def test_what_waits_is_listed_oldest_first(api: Api) -> None:
    operator, sids = Operator(api), []
    for _ in range(3):
        sids.append(brand(api)["sid"])
        operator.decide(sids[-1], "review")
        api.clock.advance(1)
    waiting = operator.request("GET", "")["waiting"]
    assert [one["sid"] for one in waiting] == sids
    assert set(waiting[0]) == {
        *("kind", "sid", "account_sid", "status", "subject", "created_at", "updated_at")
    }
