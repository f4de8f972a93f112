"""Preregistered campaigns (QE…): a campaign that was registered elsewhere is joined to a Messaging Service (spec)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Operation, create
from trunkline.api.params import Given, boolean, required, sid, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.compliance import campaigns
from trunkline.products.messaging.compliance.campaigns import Campaign


class NewPreregistered(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create (spec). ``cnp_migration`` is about the vendor's takeover of a campaign from another
    provider, which has no meaning on a self-hosted server."""

    campaign_id: Annotated[Given[str], text(1, 255), required()] = UNSET
    messaging_service_sid: Annotated[Given[str], sid("MG"), required()] = UNSET
    cnp_migration: Annotated[Given[bool], boolean()] = UNSET


def view(campaign: Campaign, urls: Urls) -> Json:
    """Return the ExternalCampaign resource (spec)."""
    return {
        "sid": campaign.sid,
        "account_sid": campaign.account_sid,
        "campaign_id": campaign.campaign_id,
        "messaging_service_sid": campaign.service_sid,
        "date_created": iso(campaign.date_created),
    }


async def create_preregistered(at_once: bool, tx: Tx, call: Call[NewPreregistered]) -> Campaign:
    """Join a campaign to a Service. Raise ApiError 21701 for an unknown Service, 20409 if it has a campaign."""
    service = await services.find_service(tx, call.account_sid, str(call.input.messaging_service_sid))
    if service is None:
        raise ApiError(21701)
    campaign = Campaign(
        sid=new_sid("QE"),
        account_sid=call.account_sid,
        service_sid=service.sid,
        brand_sid=None,
        date_created=tx.now,
        date_updated=tx.now,
        usecase=None,
        status=campaigns.VERIFIED if at_once else campaigns.PENDING,
        campaign_id=str(call.input.campaign_id),
        is_externally_registered=True,
    )
    await campaigns.add_campaign(tx, campaign)
    return campaign


def operations(at_once: bool) -> tuple[Operation, ...]:
    """Return the route; with ``at_once`` nothing waits for a review."""
    action = partial(create_preregistered, at_once)
    return (create("/Services/PreregisteredUsa2p", action, view, NewPreregistered),)
