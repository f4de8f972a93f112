"""Values for registrations, and the operator who decides on them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from api.conftest import ACCOUNT_SID, OPERATOR, Api
from trunkline.api.errors import ApiError

V1 = "/messaging/v1"
BRANDS = f"{V1}/a2p/BrandRegistrations"
VERIFICATIONS = f"{V1}/Tollfree/Verifications"
BUNDLE = "BU" + "1" * 32
PROFILE = "BU" + "2" * 32

CAMPAIGN: dict[str, Any] = {
    "Description": "Tells customers of sales, once they have asked to be told of them.",
    "MessageFlow": "People tick a box at www.example.com and leave their number there.",
    "MessageSamples": ["Today all shoes are half price.", "Our new catalogue is out: www.example.com"],
    "UsAppToPersonUsecase": "MARKETING",
    "HasEmbeddedLinks": "true",
    "HasEmbeddedPhone": "false",
}

CHANGES: dict[str, Any] = {
    "Description": "Tells customers of sales and of nothing else, once they asked for it.",
    "MessageFlow": "People send the word START to our number, which the shop windows show.",
    "MessageSamples": ["Tomorrow all hats are half price.", "Our new catalogue is out.  Have a look!"],
    "HasEmbeddedLinks": "false",
    "HasEmbeddedPhone": "true",
    "AgeGated": "true",
    "DirectLending": "true",
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
}


def pairs(form: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    """Return a form with its lists repeated; a change to None leaves the name out."""
    merged = {name: value for name, value in {**form, **changes}.items() if value is not None}
    return [
        (name, one)
        for name, value in merged.items()
        for one in (value if isinstance(value, list) else [value])
    ]


def service(api: Api, **form: str) -> str:
    """Return a new Service's SID."""
    made = api.post(f"{V1}/Services", {"FriendlyName": "s", **form})
    return str(made.json()["sid"])


def brand(api: Api, **form: str) -> dict[str, Any]:
    """Return a new brand."""
    made = api.post(BRANDS, {"CustomerProfileBundleSid": BUNDLE, "A2PProfileBundleSid": PROFILE, **form})
    assert made.status_code == 201, made.text
    return dict(made.json())


def usa2p(service_sid: str, sid: str = "") -> str:
    """Return the path of a Service's campaigns, or of one."""
    return f"{V1}/Services/{service_sid}/Compliance/Usa2p" + (f"/{sid}" if sid else "")


def campaign(api: Api, service_sid: str, brand_sid: str, **form: Any) -> dict[str, Any]:
    """Return a new campaign of a Service."""
    made = api.post(usa2p(service_sid), pairs(CAMPAIGN, BrandRegistrationSid=brand_sid, **form))
    assert made.status_code == 201, made.text
    return dict(made.json())


class Operator:
    """An operator who decides over the control API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def request(
        self,
        method: str,
        path: str,
        form: dict[str, Any] | None = None,
        *,
        user: str = OPERATOR[0],
        password: str = OPERATOR[1],
    ) -> Any:
        """Return the body of the response, None for an unknown path. Raise ApiError."""
        response = self._api.request(
            method,
            f"/_trunkline/compliance{path}",
            content=urlencode(pairs(form or {})),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            auth=(user, password),
        )
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise ApiError(response.json()["code"], status=response.status_code)
        assert response.headers["content-type"] == "application/json"
        return response.json()

    def decide(self, sid: str, decision: str, **form: Any) -> dict[str, Any]:
        """Carry out a decision; return the registration."""
        registration: dict[str, Any] = self.request("POST", f"/{sid}/{decision}", form)
        return registration

    def numbers(self, method: str, day: str, *numbers: str) -> list[str]:
        """Show or change the numbers of a day."""
        query = urlencode(
            {"Date": day, "AccountSid": ACCOUNT_SID, **({"Number": numbers[0]} if method == "DELETE" else {})}
        )
        form = {"Date": day, "Number": list(numbers)} if method == "POST" else {}
        found: list[str] = self.request(method, f"/deactivations?{query}", form)["numbers"]
        return found
