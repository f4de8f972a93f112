"""The description of a toll-free verification: its parameters and their values (spec). Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import missing
from trunkline.api.params import (
    Given,
    Parser,
    boolean,
    choice,
    given,
    many,
    pascal_case,
    sid,
    text,
    url,
)

NOT_A_NUMBER = 30436
"""The code for a number that is not a toll-free one of the account (doc)."""

CATEGORIES = (
    "TWO_FACTOR_AUTHENTICATION",
    "ACCOUNT_NOTIFICATIONS",
    "CUSTOMER_CARE",
    "CHARITY_NONPROFIT",
    "DELIVERY_NOTIFICATIONS",
    "FRAUD_ALERT_MESSAGING",
    "EVENTS",
    "HIGHER_EDUCATION",
    "K12",
    "MARKETING",
    "POLLING_AND_VOTING_NON_POLITICAL",
    "POLITICAL_ELECTION_CAMPAIGNS",
    "PUBLIC_SERVICE_ANNOUNCEMENT",
    "SECURITY_ALERT",
)
OPT_IN_TYPES = (
    "VERBAL",
    "WEB_FORM",
    "PAPER_FORM",
    "VIA_TEXT",
    "MOBILE_QR_CODE",
    "IMPORT",
    "IMPORT_PLEASE_REPLACE",
)
BUSINESS_TYPES = ("PRIVATE_PROFIT", "PUBLIC_PROFIT", "SOLE_PROPRIETOR", "NON_PROFIT", "GOVERNMENT")
AUTHORITIES = (
    *("EIN", "CBN", "CRN", "PROVINCIAL_NUMBER", "VAT", "ACN", "ABN", "BRN", "SIREN", "SIRET", "NZBN"),
    *("USt-IdNr", "CIF", "NIF", "CNPJ", "UID", "NEQ", "OTHER"),
)
VETTING_PROVIDERS = ("CAMPAIGN_VERIFY",)


def _some() -> Parser:
    """Return the parser, which rejects an empty value."""
    return text(1)


def _any() -> Parser:
    return text(clears=True)


class TollfreeContent(msgspec.Struct, frozen=True, kw_only=True):
    """The description of the number's user in a verification, in the order of the resource."""

    customer_profile_sid: str | None = None
    business_name: str | None = None
    business_street_address: str | None = None
    business_street_address2: str | None = None
    business_city: str | None = None
    business_state_province_region: str | None = None
    business_postal_code: str | None = None
    business_country: str | None = None
    business_website: str | None = None
    business_contact_first_name: str | None = None
    business_contact_last_name: str | None = None
    business_contact_email: str | None = None
    business_contact_phone: str | None = None
    notification_email: str | None = None
    use_case_categories: tuple[str, ...] | None = None
    use_case_summary: str | None = None
    production_message_sample: str | None = None
    opt_in_image_urls: tuple[str, ...] | None = None
    opt_in_type: str | None = None
    message_volume: str | None = None
    additional_information: str | None = None
    business_registration_number: str | None = None
    business_registration_authority: str | None = None
    business_registration_country: str | None = None
    business_type: str | None = None
    business_registration_phone_number: str | None = None
    doing_business_as: str | None = None
    age_gated_content: bool | None = None
    help_message_sample: str | None = None
    opt_in_confirmation_message: str | None = None
    opt_in_keywords: tuple[str, ...] | None = None
    privacy_policy_url: str | None = None
    terms_and_conditions_url: str | None = None
    vetting_id: str | None = None
    vetting_provider: str | None = None


class TollfreeParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create and update (spec). The first three are of create only, which requires the number's
    SID and all of ``REQUIRED``; ``edit_reason`` is of update only, and is for the reviewer."""

    tollfree_phone_number_sid: Annotated[Given[str], sid("PN", code=NOT_A_NUMBER)] = UNSET
    customer_profile_sid: Annotated[Given[str | None], sid("BU")] = UNSET
    external_reference_id: Annotated[Given[str | None], _any()] = UNSET

    business_name: Annotated[Given[str], _some()] = UNSET
    business_website: Annotated[Given[str], _some()] = UNSET
    notification_email: Annotated[Given[str], _some()] = UNSET
    use_case_categories: Annotated[Given[list[str]], many(choice(*CATEGORIES))] = UNSET
    use_case_summary: Annotated[Given[str], _some()] = UNSET
    production_message_sample: Annotated[Given[str], _some()] = UNSET
    opt_in_image_urls: Annotated[Given[list[str]], many(url())] = UNSET
    opt_in_type: Annotated[Given[str], choice(*OPT_IN_TYPES)] = UNSET
    message_volume: Annotated[Given[str], _some()] = UNSET
    business_street_address: Annotated[Given[str | None], _any()] = UNSET
    business_street_address2: Annotated[Given[str | None], _any()] = UNSET
    business_city: Annotated[Given[str | None], _any()] = UNSET
    business_state_province_region: Annotated[Given[str | None], _any()] = UNSET
    business_postal_code: Annotated[Given[str | None], _any()] = UNSET
    business_country: Annotated[Given[str | None], _any()] = UNSET
    additional_information: Annotated[Given[str | None], _any()] = UNSET
    business_contact_first_name: Annotated[Given[str | None], _any()] = UNSET
    business_contact_last_name: Annotated[Given[str | None], _any()] = UNSET
    business_contact_email: Annotated[Given[str | None], _any()] = UNSET
    business_contact_phone: Annotated[Given[str | None], _any()] = UNSET
    business_registration_number: Annotated[Given[str | None], _any()] = UNSET
    business_registration_authority: Annotated[Given[str | None], choice(*AUTHORITIES, clears=True)] = UNSET
    business_registration_country: Annotated[Given[str | None], _any()] = UNSET
    business_type: Annotated[Given[str | None], choice(*BUSINESS_TYPES, clears=True)] = UNSET
    business_registration_phone_number: Annotated[Given[str | None], _any()] = UNSET
    doing_business_as: Annotated[Given[str | None], _any()] = UNSET
    opt_in_confirmation_message: Annotated[Given[str | None], _any()] = UNSET
    help_message_sample: Annotated[Given[str | None], _any()] = UNSET
    privacy_policy_url: Annotated[Given[str | None], url()] = UNSET
    terms_and_conditions_url: Annotated[Given[str | None], url()] = UNSET
    age_gated_content: Annotated[Given[bool], boolean()] = UNSET
    opt_in_keywords: Annotated[Given[list[str] | None], many(_some())] = UNSET
    vetting_provider: Annotated[Given[str | None], choice(*VETTING_PROVIDERS, clears=True)] = UNSET
    vetting_id: Annotated[Given[str | None], text(0, 500, clears=True)] = UNSET
    edit_reason: Annotated[Given[str | None], _any()] = UNSET


REQUIRED = (
    "business_name",
    "business_website",
    "notification_email",
    "use_case_categories",
    "use_case_summary",
    "production_message_sample",
    "opt_in_image_urls",
    "opt_in_type",
    "message_volume",
)


def content_of(params: TollfreeParameters) -> TollfreeContent:
    """Return the content of a new verification. Raise ApiError 20001 for a missing field that is required."""
    fields = _fields(params)
    for name in REQUIRED:
        if fields.get(name) is None:
            raise missing(pascal_case(name))
    return TollfreeContent(**fields)


def changed(content: TollfreeContent, params: TollfreeParameters) -> TollfreeContent:
    """Return the content with the changes. Raise ApiError 20001 for a required field that was emptied."""
    fields = _fields(params)
    for name in REQUIRED:
        if name in fields and fields[name] is None:
            raise missing(pascal_case(name))
    fields.pop("customer_profile_sid", None)
    return msgspec.structs.replace(content, **fields)


def _fields(params: TollfreeParameters) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given(params).items()
        if name in TollfreeContent.__struct_fields__
    }
