"""Brand vettings (VT…): the findings of a third party about a brand (spec).

They end in SUCCESS or FAILED: by the operator, or with a success at once if the server is set so.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, fetch, listing
from trunkline.api.params import Given, choice, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.messaging.campaign_usecases import SOLE_PROPRIETOR
from trunkline.products.messaging.compliance import brands

PENDING, SUCCESS, FAILED = "PENDING", "SUCCESS", "FAILED"
CAMPAIGN_VERIFY, AEGIS = "campaign-verify", "aegis"
PROVIDERS = (CAMPAIGN_VERIFY, AEGIS)
_CLASSES = {CAMPAIGN_VERIFY: "POLITICAL", AEGIS: "STANDARD"}


class NewVetting(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create (spec)."""

    vetting_provider: Annotated[Given[str], choice(*PROVIDERS, fold=True), required()] = UNSET
    vetting_id: Annotated[Given[str | None], text(clears=True)] = UNSET


class VettingFilter(msgspec.Struct, frozen=True):
    """The parameters of the list (spec)."""

    vetting_provider: Annotated[Given[str | None], choice(*PROVIDERS, fold=True, clears=True)] = UNSET


class Vetting(Row, frozen=True):
    """A row of ``a2p_vettings``."""

    sid: str
    account_sid: str
    brand_sid: str
    date_created: int
    date_updated: int
    vetting_provider: str
    vetting_id: str | None
    vetting_status: str = PENDING


def view(vetting: Vetting, urls: Urls) -> Json:
    """Return the BrandVetting resource (spec)."""
    return {
        "account_sid": vetting.account_sid,
        "brand_sid": vetting.brand_sid,
        "brand_vetting_sid": vetting.sid,
        "vetting_provider": vetting.vetting_provider,
        "vetting_id": vetting.vetting_id,
        "vetting_class": _CLASSES[vetting.vetting_provider],
        "vetting_status": vetting.vetting_status,
        "date_created": iso(vetting.date_created),
        "date_updated": iso(vetting.date_updated),
        "url": urls.to("a2p", "BrandRegistrations", vetting.brand_sid, "Vettings", vetting.sid),
    }


async def create_vetting(at_once: bool, tx: Tx, call: Call[NewVetting]) -> Vetting | None:
    """Request the vetting of a brand, or import a vetting. Raise ApiError 21721 for a brand that is not approved or
    not of the standard type (doc)."""
    brand = await brands.find_brand(tx, call.account_sid, call.path["BrandSid"])
    if brand is None:
        return None
    if brand.status != brands.APPROVED or brand.brand_type == SOLE_PROPRIETOR:
        raise ApiError(21721)
    vetting = Vetting(
        sid=new_sid("VT"),
        account_sid=call.account_sid,
        brand_sid=brand.sid,
        date_created=tx.now,
        date_updated=tx.now,
        vetting_provider=str(call.input.vetting_provider),
        vetting_id=call.input.vetting_id or None,
    )
    await tx.insert("a2p_vettings", vetting)
    return await finish_vetting(tx, vetting, SUCCESS) if at_once or brand.mock else vetting


async def finish_vetting(tx: Tx, vetting: Vetting, status: str, score: int | None = None) -> Vetting:
    """End a vetting. A success sets the brand's identity to vetted; one by Aegis sets its ``score``, by default the
    highest (inferred), which rates its campaigns from now on."""
    changes = {"vetting_status": status, "date_updated": tx.now}
    await update_row(tx, "a2p_vettings", vetting.account_sid, vetting.sid, changes)
    brand = await brands.find_brand(tx, vetting.account_sid, vetting.brand_sid)
    if status == SUCCESS and brand is not None:
        found = (brands.TOP_SCORE if score is None else score) if vetting.vetting_provider == AEGIS else None
        await brands.change_brand(
            tx,
            brand,
            identity_status=brands.VETTED_VERIFIED,
            brand_score=brand.brand_score if found is None else found,
        )
    return msgspec.structs.replace(vetting, **changes)


async def fetch_vetting(tx: Tx, call: Call[Empty]) -> Vetting | None:
    """Return one of a brand's vettings."""
    found = await find_vetting(tx, call.account_sid, call.path["BrandVettingSid"])
    return found if found and found.brand_sid == call.path["BrandSid"] else None


async def page_vettings(tx: Tx, call: Call[VettingFilter]) -> WalkResult[Vetting] | None:
    """Return a brand's vettings, oldest first (inferred)."""
    brand = await brands.find_brand(tx, call.account_sid, call.path["BrandSid"])
    if brand is None:
        return None
    held, values = ["brand_sid = :brand_sid", "account_sid = :account_sid"], {"brand_sid": brand.sid}
    if call.input.vetting_provider:
        held.append("vetting_provider = :provider")
        values["provider"] = call.input.vetting_provider
    query = ListQuery("a2p_vettings", tuple(held))
    return await walk(tx, Vetting, query, call.window.span, account_sid=call.account_sid, **values)


async def find_vetting(tx: Tx, account_sid: str, sid: str) -> Vetting | None:
    """Return the account's vetting with this SID."""
    return await find_row(tx, Vetting, "a2p_vettings", account_sid, sid)


def operations(at_once: bool) -> tuple[Operation, ...]:
    """Return the routes; with ``at_once`` nothing waits for a review."""
    path = "/a2p/BrandRegistrations/{BrandSid}/Vettings"
    return (
        create(path, partial(create_vetting, at_once), view, NewVetting),
        listing(path, "data", page_vettings, view, input=VettingFilter),
        fetch(f"{path}/{{BrandVettingSid}}", fetch_vetting, view),
    )
