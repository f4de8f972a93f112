"""The use cases of A2P campaigns: their codes, and their Messaging Services and brands. Pure."""

from __future__ import annotations

import msgspec

SOLE_PROPRIETOR = "SOLE_PROPRIETOR"


class CampaignUsecase(msgspec.Struct, frozen=True):
    """A use case (spec). ``post_approval_required`` is true if carriers review it once more after the approval."""

    code: str
    name: str
    description: str
    post_approval_required: bool = False


USECASES = (
    CampaignUsecase(
        "2FA",
        "Two-Factor authentication (2FA)",
        "One-time codes and password resets: proof of who somebody is.",
    ),
    CampaignUsecase(
        "ACCOUNT_NOTIFICATION", "Account Notification", "Reminders and alerts about an account or a booking."
    ),
    CampaignUsecase(
        "AGENTS_FRANCHISES",
        "Agents and Franchises",
        "Branches or agents of one brand, each with a local number of its own.",
        True,
    ),
    CampaignUsecase("CHARITY", "Charity", "Messages of a registered charity, other than a religious one."),
    CampaignUsecase(
        "PROXY",
        "Proxy",
        "People in touch through an app's pooled numbers, which keep their own numbers private.",
        True,
    ),
    CampaignUsecase("CUSTOMER_CARE", "Customer Care", "Support and the management of customers' accounts."),
    CampaignUsecase(
        "DELIVERY_NOTIFICATION", "Delivery Notification", "News of a product or service on its way."
    ),
    CampaignUsecase(
        "EMERGENCY", "Emergency", "Warnings that keep people safe in disasters and other emergencies.", True
    ),
    CampaignUsecase("FRAUD_ALERT", "Fraud Alert Messaging", "Warnings of a possible fraud."),
    CampaignUsecase(
        "HIGHER_EDUCATION", "Higher Education", "Messages of colleges, universities and school districts."
    ),
    CampaignUsecase("K12_EDUCATION", "K-12 Education", "Messages of schools up to the twelfth grade.", True),
    CampaignUsecase(
        "LOW_VOLUME",
        "Low Volume Mixed",
        "Any mix of purposes in small numbers, tests and demonstrations included.",
    ),
    CampaignUsecase("MARKETING", "Marketing", "Advertising and offers."),
    CampaignUsecase("MIXED", "Mixed", "Several purposes in one campaign."),
    CampaignUsecase(
        "POLITICAL", "Political", "Organized efforts to win people for a decision or a candidate."
    ),
    CampaignUsecase("POLLING_VOTING", "Polling and voting", "Surveys and votes."),
    CampaignUsecase(
        "PUBLIC_SERVICE_ANNOUNCEMENT",
        "Public Service Announcement",
        "Information on what matters to the public.",
    ),
    CampaignUsecase(
        "SECURITY_ALERT",
        "Security Alert",
        "Warnings that a system was broken into and something has to be done.",
    ),
    CampaignUsecase(
        "SOCIAL", "Social", "Communication within a closed community, or of one with another.", True
    ),
    CampaignUsecase("SWEEPSTAKE", "Sweepstake", "Prize draws.", True),
)
"""The codes and names are the vendor's (spec), in its order; the descriptions are ours."""

SOLE = CampaignUsecase(SOLE_PROPRIETOR, "Sole Proprietor", "All that a person in business alone sends.")
"""The use case of brands of that type, and the only one for them (doc)."""

CODES = (*(one.code for one in USECASES), SOLE.code)

_ANY_SERVICE = {"LOW_VOLUME", "MIXED", "AGENTS_FRANCHISES", SOLE_PROPRIETOR}
_EDUCATION = {"HIGHER_EDUCATION", "K12_EDUCATION"}
_ALERTS = {"EMERGENCY", "FRAUD_ALERT", "SECURITY_ALERT"}

_COMPATIBLE: dict[str, set[str]] = {
    "notifications": _ALERTS
    | _EDUCATION
    | {
        "ACCOUNT_NOTIFICATION",
        "CUSTOMER_CARE",
        "DELIVERY_NOTIFICATION",
        "PUBLIC_SERVICE_ANNOUNCEMENT",
        "CHARITY",
    },
    "marketing": {"MARKETING", "CHARITY", "POLITICAL", "SOCIAL", "SWEEPSTAKE"} | _EDUCATION,
    "verification": {"2FA", "FRAUD_ALERT", "SECURITY_ALERT"},
    "discussion": {"CUSTOMER_CARE", "PROXY", "SOCIAL", "POLITICAL"} | _EDUCATION,
    "poll": {"POLLING_VOTING", "POLITICAL", "SOCIAL", "SWEEPSTAKE"} | _EDUCATION,
}
"""By the Service's use case; ``undeclared`` is compatible with all. That some are incompatible is the vendor's rule
(doc); which ones is inferred."""


def compatible(service_usecase: str, code: str | None) -> bool:
    """Return whether a Service with this use case may have a campaign with that one. A campaign that was registered
    elsewhere has no code here, and is compatible with all."""
    allowed = _COMPATIBLE.get(service_usecase)
    return allowed is None or code is None or code in allowed or code in _ANY_SERVICE


def offered(service_usecase: str, brand_type: str | None) -> tuple[CampaignUsecase, ...]:
    """Return the use cases that a Service and a brand may register; without a brand, those of a standard one."""
    known = (SOLE,) if brand_type == SOLE_PROPRIETOR else USECASES
    return tuple(one for one in known if compatible(service_usecase, one.code))
