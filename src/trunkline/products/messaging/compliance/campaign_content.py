"""The description of a campaign: its parameters with their lengths and codes, and the defaults of its texts. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.api.params import (
    Given,
    Parser,
    boolean,
    choice,
    given,
    many,
    required,
    sid,
    text,
    url,
)
from trunkline.products.messaging.campaign_usecases import CODES

LENGTH = 21728
MISSING = 21727

SAMPLES = (2, 5)
"""The minimum and the maximum of sample messages (spec)."""

OPT_OUT_MESSAGE = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number."
    " Reply START to resubscribe."
)
HELP_MESSAGE = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
OPT_IN_KEYWORDS = ("START",)
OPT_OUT_KEYWORDS = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT")
HELP_KEYWORDS = ("HELP", "INFO")


class CampaignContent(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a campaign. All of it is null for one that was registered elsewhere."""

    description: str | None = None
    message_samples: tuple[str, ...] | None = None
    has_embedded_links: bool | None = None
    has_embedded_phone: bool | None = None
    subscriber_opt_in: bool | None = None
    age_gated: bool | None = None
    direct_lending: bool | None = None
    message_flow: str | None = None
    opt_in_message: str | None = None
    opt_out_message: str | None = None
    help_message: str | None = None
    opt_in_keywords: tuple[str, ...] | None = None
    opt_out_keywords: tuple[str, ...] | None = None
    help_keywords: tuple[str, ...] | None = None
    privacy_policy_url: str | None = None
    terms_and_conditions_url: str | None = None


def _keyword() -> Parser:
    length = text(1, 255, code=LENGTH)

    def parse(name: str, value: str) -> str:
        length.parse(name, value)
        if not value.isalnum():
            raise invalid(name, "must be letters and digits")
        return value

    return Parser(parse)


def _message() -> Parser:
    return text(20, 320, code=LENGTH, clears=True)


def _samples() -> Parser:
    return many(text(20, 1024, code=LENGTH))


class NewCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create; lengths in characters (spec), codes 21717, 21720, 21727 and 21728 (doc)."""

    brand_registration_sid: Annotated[Given[str], sid("BN", code=21717), required(MISSING)] = UNSET
    description: Annotated[Given[str], text(40, 4096, code=LENGTH), required(MISSING)] = UNSET
    message_flow: Annotated[Given[str], text(40, 2048, code=LENGTH), required(MISSING)] = UNSET
    message_samples: Annotated[Given[list[str]], _samples(), required(MISSING)] = UNSET
    us_app_to_person_usecase: Annotated[Given[str], choice(*CODES, code=21720), required(MISSING)] = UNSET
    has_embedded_links: Annotated[Given[bool], boolean(), required(MISSING)] = UNSET
    has_embedded_phone: Annotated[Given[bool], boolean(), required(MISSING)] = UNSET
    opt_in_message: Annotated[Given[str | None], _message()] = UNSET
    opt_out_message: Annotated[Given[str | None], _message()] = UNSET
    help_message: Annotated[Given[str | None], _message()] = UNSET
    opt_in_keywords: Annotated[Given[list[str] | None], many(_keyword())] = UNSET
    opt_out_keywords: Annotated[Given[list[str] | None], many(_keyword())] = UNSET
    help_keywords: Annotated[Given[list[str] | None], many(_keyword())] = UNSET
    subscriber_opt_in: Annotated[Given[bool], boolean()] = UNSET
    age_gated: Annotated[Given[bool], boolean()] = UNSET
    direct_lending: Annotated[Given[bool], boolean()] = UNSET
    privacy_policy_url: Annotated[Given[str | None], url()] = UNSET
    terms_and_conditions_url: Annotated[Given[str | None], url()] = UNSET


class CampaignChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of update: all but the addresses are required (spec)."""

    has_embedded_links: Annotated[Given[bool], boolean(), required(MISSING)] = UNSET
    has_embedded_phone: Annotated[Given[bool], boolean(), required(MISSING)] = UNSET
    message_samples: Annotated[Given[list[str]], _samples(), required(MISSING)] = UNSET
    message_flow: Annotated[Given[str], text(40, 2048, code=LENGTH), required(MISSING)] = UNSET
    description: Annotated[Given[str], text(40, 4096, code=LENGTH), required(MISSING)] = UNSET
    age_gated: Annotated[Given[bool], boolean(), required(MISSING)] = UNSET
    direct_lending: Annotated[Given[bool], boolean(), required(MISSING)] = UNSET
    privacy_policy_url: Annotated[Given[str | None], url()] = UNSET
    terms_and_conditions_url: Annotated[Given[str | None], url()] = UNSET


def content_of(params: NewCampaign) -> CampaignContent:
    """Return the content of a new campaign, with the vendor's texts as defaults (spec sample). Raise ApiError 21727
    for opt-in keywords without their message (spec: it replies to them), 21728 for too few or many samples."""
    fields = _fields(params)
    if fields.get("opt_in_keywords") and not fields.get("opt_in_message"):
        raise ApiError(MISSING)
    standing = {
        "subscriber_opt_in": True,
        "age_gated": False,
        "direct_lending": False,
        "opt_in_keywords": OPT_IN_KEYWORDS if fields.get("opt_in_message") else None,
        "opt_out_message": OPT_OUT_MESSAGE,
        "help_message": HELP_MESSAGE,
        "opt_out_keywords": OPT_OUT_KEYWORDS,
        "help_keywords": HELP_KEYWORDS,
    }
    return CampaignContent(
        **{**standing, **{name: value for name, value in fields.items() if value is not None}}
    )


def changed(content: CampaignContent, params: CampaignChanges) -> CampaignContent:
    """Return the content with the changes. Raise ApiError 21728 for too few or many samples."""
    return msgspec.structs.replace(content, **_fields(params))


def _fields(params: NewCampaign | CampaignChanges) -> dict[str, Any]:
    fields = given(params)
    if not SAMPLES[0] <= len(fields["message_samples"]) <= SAMPLES[1]:
        raise ApiError(LENGTH)
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.items()
        if name in CampaignContent.__struct_fields__
    }
