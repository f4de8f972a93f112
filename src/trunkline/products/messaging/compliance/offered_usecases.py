"""The use cases for which a Messaging Service may register a campaign (spec)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Operation, fetch
from trunkline.api.params import Given, sid
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.campaign_usecases import CampaignUsecase, offered
from trunkline.products.messaging.compliance import brands


class UsecaseFilter(msgspec.Struct, frozen=True):
    """The parameters of fetch (spec)."""

    brand_registration_sid: Annotated[Given[str | None], sid("BN", code=21717)] = UNSET


def view(usecases: tuple[CampaignUsecase, ...], urls: Urls) -> Json:
    """Return the use cases (spec), which are no page."""
    return {"us_app_to_person_usecases": [msgspec.to_builtins(usecase) for usecase in usecases]}


async def fetch_usecases(tx: Tx, call: Call[UsecaseFilter]) -> tuple[CampaignUsecase, ...] | None:
    """Return the use cases that are compatible with the Service's own and, if the request names one, with the
    brand; none for a brand that was rejected or suspended (spec). Raise ApiError 21717 for an unknown brand."""
    service = await services.find_service(tx, call.account_sid, call.path["MessagingServiceSid"])
    if service is None:
        return None
    brand_sid = call.input.brand_registration_sid
    if not isinstance(brand_sid, str):
        return offered(service.usecase, None)
    brand = await brands.find_brand(tx, call.account_sid, brand_sid)
    if brand is None:
        raise ApiError(21717)
    if brand.status in (brands.FAILED, brands.SUSPENDED):
        return ()
    return offered(service.usecase, brand.brand_type)


OPERATIONS: tuple[Operation, ...] = (
    fetch(
        "/Services/{MessagingServiceSid}/Compliance/Usa2p/Usecases",
        fetch_usecases,
        view,
        input=UsecaseFilter,
    ),
)
