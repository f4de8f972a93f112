"""A2P campaigns (QE…): the messages that a Messaging Service sends to the US, as carriers have approved them
(spec).

A Service has one campaign at most (doc); deleting the Service deletes it (doc). A campaign is PENDING until it is
reviewed: by the operator, or VERIFIED at once if the server is set so. A mock brand's campaigns are mock ones, and
need no review (inferred). The header ``X-Twilio-Api-Version: v1.2`` adds two fields (spec, seen).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid, new_token
from trunkline.core.storage.account_rows import delete_row, find_row, update_row
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging import services
from trunkline.products.messaging.campaign_usecases import SOLE_PROPRIETOR, compatible
from trunkline.products.messaging.compliance import brands, limits
from trunkline.products.messaging.compliance.brands import Brand
from trunkline.products.messaging.compliance.campaign_content import (
    CampaignChanges,
    CampaignContent,
    NewCampaign,
    changed,
    content_of,
)
from trunkline.products.messaging.compliance.rejection_reasons import reasons_view

PENDING, IN_PROGRESS, VERIFIED = "PENDING", "IN_PROGRESS", "VERIFIED"
FAILED, SUSPENDED = "FAILED", "SUSPENDED"

EXTENDED = (1, 2)
"""The first version of the API with the extended fields."""

_VERSION = re.compile(r"v(\d{1,4})(?:\.(\d{1,4}))?")
_EXTENDED_FIELDS = ("privacy_policy_url", "terms_and_conditions_url")


class Campaign(Row, frozen=True):
    """A row of ``a2p_campaigns``. ``content`` and ``errors`` are JSON; a campaign that was registered elsewhere has no
    brand, no use case and no limits here."""

    sid: str
    account_sid: str
    service_sid: str
    brand_sid: str | None
    date_created: int
    date_updated: int
    usecase: str | None
    status: str
    campaign_id: str
    is_externally_registered: bool = False
    mock: bool = False
    content: str = "{}"
    errors: str = "[]"

    @property
    def registers(self) -> bool:
        """True if carriers let the Service's messages through. A mock campaign is for tests of the API alone (doc):
        nobody has reviewed it."""
        return self.status == VERIFIED and not self.mock


class CampaignView(msgspec.Struct, frozen=True):
    """A campaign for a response, with the limits that it has by its brand. ``extended`` is true if the extended fields
    are requested."""

    campaign: Campaign
    rate_limits: limits.RateLimits | None
    extended: bool

    @property
    def date_created(self) -> int:
        """The first half of its position in a list."""
        return self.campaign.date_created

    @property
    def sid(self) -> str:
        """The second half."""
        return self.campaign.sid


def wants_extended(headers: Mapping[str, str]) -> bool:
    """Return whether the request is for the extended fields; a version that cannot be parsed is the first one."""
    found = _VERSION.fullmatch(headers.get("x-twilio-api-version", ""))
    return found is not None and (int(found[1]), int(found[2] or 0)) >= EXTENDED


def view(shown: CampaignView, urls: Urls) -> Json:
    """Return the UsAppToPerson resource (spec)."""
    campaign = shown.campaign
    content = msgspec.to_builtins(msgspec.json.decode(campaign.content, type=CampaignContent))
    if not shown.extended:
        content = {name: value for name, value in content.items() if name not in _EXTENDED_FIELDS}
    return {
        "sid": campaign.sid,
        "account_sid": campaign.account_sid,
        "brand_registration_sid": campaign.brand_sid,
        "messaging_service_sid": campaign.service_sid,
        **content,
        "us_app_to_person_usecase": campaign.usecase,
        "campaign_status": campaign.status,
        "campaign_id": campaign.campaign_id,
        "is_externally_registered": campaign.is_externally_registered,
        "rate_limits": limits.limits_view(shown.rate_limits),
        "date_created": iso(campaign.date_created),
        "date_updated": iso(campaign.date_updated),
        "url": urls.to("Services", campaign.service_sid, "Compliance", "Usa2p", campaign.sid),
        "mock": campaign.mock,
        "errors": reasons_view(campaign.errors),
    }


async def create_campaign(at_once: bool, tx: Tx, call: Call[NewCampaign]) -> CampaignView | None:
    """Register the messages of a Service. Raise ApiError 21717 for a brand that is unknown, not approved, or not
    for this use case, 21719 for a use case that is not compatible with the Service's (doc), 20409 if the Service
    has a campaign."""
    service = await services.find_service(tx, call.account_sid, call.path["MessagingServiceSid"])
    if service is None:
        return None
    params, usecase = call.input, str(call.input.us_app_to_person_usecase)
    content = content_of(params)
    brand = await _brand(tx, call.account_sid, str(params.brand_registration_sid), usecase)
    if not compatible(service.usecase, usecase):
        raise ApiError(21719)
    campaign = Campaign(
        sid=new_sid("QE"),
        account_sid=call.account_sid,
        service_sid=service.sid,
        brand_sid=brand.sid,
        date_created=tx.now,
        date_updated=tx.now,
        usecase=usecase,
        status=VERIFIED if at_once or brand.mock else PENDING,
        campaign_id="C" + new_token()[:6].upper(),
        mock=brand.mock,
        content=msgspec.json.encode(content).decode(),
    )
    await add_campaign(tx, campaign)
    return await _shown(tx, call, campaign)


async def _brand(tx: Tx, account_sid: str, sid: str, usecase: str) -> Brand:
    """Return the brand that registers a campaign. A sole proprietor has one campaign, of that use case (doc). Raise
    ApiError 21717 if the brand may not register it."""
    await tx.lock(f"brand {sid}")
    brand = await brands.find_brand(tx, account_sid, sid)
    if brand is None or not brand.may_register:
        raise ApiError(21717)
    sole = brand.brand_type == SOLE_PROPRIETOR
    if sole != (usecase == SOLE_PROPRIETOR) or (sole and await _has_campaign(tx, brand)):
        raise ApiError(21717)
    return brand


async def add_campaign(tx: Tx, campaign: Campaign) -> None:
    """Store a campaign. Raise ApiError 20409 if its Service has one."""
    if await campaign_of_service(tx, campaign.account_sid, campaign.service_sid):
        raise ApiError(20409, "The Messaging Service has a campaign already")
    await tx.insert("a2p_campaigns", campaign)
    await _update_service(tx, campaign, campaign.registers)


async def fetch_campaign(tx: Tx, call: Call[Empty]) -> CampaignView | None:
    """Return a Service's campaign."""
    campaign = await _at_path(tx, call)
    return await _shown(tx, call, campaign) if campaign else None


async def page_campaigns(tx: Tx, call: Call[Empty]) -> list[CampaignView] | None:
    """Return a Service's campaigns: none or one."""
    service_sid = call.path["MessagingServiceSid"]
    if await services.find_service(tx, call.account_sid, service_sid) is None:
        return None
    found = await tx.all(
        Campaign,
        f"SELECT {columns(Campaign)} FROM a2p_campaigns"
        f" WHERE service_sid = :service_sid AND account_sid = :account_sid {call.window.tail}",
        service_sid=service_sid,
        account_sid=call.account_sid,
        **call.window.values,
    )
    return [await _shown(tx, call, campaign) for campaign in found]


async def update_campaign(at_once: bool, tx: Tx, call: Call[CampaignChanges]) -> CampaignView | None:
    """Describe a campaign anew. That submits a rejected one again (doc); the others keep their status (inferred).
    Raise ApiError 21729 if it is suspended (doc)."""
    campaign = await _at_path(tx, call)
    if campaign is None:
        return None
    if campaign.status == SUSPENDED:
        raise ApiError(21729)
    content = changed(msgspec.json.decode(campaign.content, type=CampaignContent), call.input)
    changes: dict[str, Any] = {"content": msgspec.json.encode(content).decode()}
    if campaign.status == FAILED:
        changes |= {"status": VERIFIED if at_once or campaign.mock else PENDING, "errors": "[]"}
    return await _shown(tx, call, await change_campaign(tx, campaign, **changes))


async def delete_campaign(tx: Tx, call: Call[Empty]) -> bool:
    """Delete a campaign. Raise ApiError 21729 if it is suspended (doc)."""
    campaign = await _at_path(tx, call)
    if campaign is None:
        return False
    if campaign.status == SUSPENDED:
        raise ApiError(21729)
    await _update_service(tx, campaign, False)
    return await delete_row(tx, "a2p_campaigns", call.account_sid, campaign.sid)


async def _update_service(tx: Tx, campaign: Campaign, registered: bool) -> None:
    """Store in the Service whether its campaign is verified (doc), for lists of Services."""
    await tx.run(
        "UPDATE messaging_services SET us_app_to_person_registered = :registered"
        " WHERE account_sid = :account_sid AND sid = :sid",
        registered=registered,
        account_sid=campaign.account_sid,
        sid=campaign.service_sid,
    )


async def _at_path(tx: Tx, call: Call[Any]) -> Campaign | None:
    found = await find_campaign(tx, call.account_sid, call.path["Sid"])
    return found if found and found.service_sid == call.path["MessagingServiceSid"] else None


async def find_campaign(tx: Tx, account_sid: str, sid: str) -> Campaign | None:
    """Return the account's campaign with this SID."""
    return await find_row(tx, Campaign, "a2p_campaigns", account_sid, sid)


async def campaign_of_service(tx: Tx, account_sid: str, service_sid: str) -> Campaign | None:
    """Return the campaign of a Service."""
    return await tx.one(
        Campaign,
        f"SELECT {columns(Campaign)} FROM a2p_campaigns"
        " WHERE service_sid = :service_sid AND account_sid = :account_sid",
        service_sid=service_sid,
        account_sid=account_sid,
    )


async def _has_campaign(tx: Tx, brand: Brand) -> bool:
    sql = "SELECT 1 FROM a2p_campaigns WHERE brand_sid = :brand_sid AND account_sid = :account_sid LIMIT 1"
    return await tx.value(sql, brand_sid=brand.sid, account_sid=brand.account_sid) is not None


def limits_of(campaign: Campaign, brand: Brand | None) -> limits.RateLimits | None:
    """Return the limits of a campaign by the present score of its brand, which may have any number of campaigns: a new
    score is a change of the brand alone."""
    if brand is None:
        return None
    return limits.rate_limits(brand.brand_type, brand.brand_score, campaign.usecase or "")


async def _shown(tx: Tx, call: Call[Any], campaign: Campaign) -> CampaignView:
    sid = campaign.brand_sid
    brand = await brands.find_brand(tx, campaign.account_sid, sid) if sid else None
    return CampaignView(campaign, limits_of(campaign, brand), wants_extended(call.headers))


async def change_campaign(tx: Tx, campaign: Campaign, **changes: Any) -> Campaign:
    """Write some of a campaign's columns."""
    changes["date_updated"] = tx.now
    await update_row(tx, "a2p_campaigns", campaign.account_sid, campaign.sid, changes)
    updated = msgspec.structs.replace(campaign, **changes)
    if "status" in changes:
        await _update_service(tx, updated, updated.registers)
    return updated


def operations(at_once: bool) -> tuple[Operation, ...]:
    """Return the routes; with ``at_once`` nothing waits for a review."""
    path = "/Services/{MessagingServiceSid}/Compliance/Usa2p"
    return (
        create(path, partial(create_campaign, at_once), view, NewCampaign),
        listing(path, "compliance", page_campaigns, view),
        fetch(f"{path}/{{Sid}}", fetch_campaign, view),
        update(f"{path}/{{Sid}}", partial(update_campaign, at_once), view, CampaignChanges),
        delete(f"{path}/{{Sid}}", delete_campaign),
    )
