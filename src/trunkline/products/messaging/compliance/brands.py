"""Brand registrations (BN…): the senders in the US carriers' registry (spec).

A brand is PENDING until it is reviewed: by the operator, or approved at once if the server is set so. A mock brand
needs no review (inferred). Brands cannot be deleted (spec).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, fetch, listing, update
from trunkline.api.params import Given, boolean, choice, given, named, required, sid
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid, new_token
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.campaign_usecases import SOLE_PROPRIETOR
from trunkline.products.messaging.compliance.rejection_reasons import reasons_view

PENDING, IN_REVIEW, APPROVED, FAILED, SUSPENDED = "PENDING", "IN_REVIEW", "APPROVED", "FAILED", "SUSPENDED"
VERIFIED, UNVERIFIED, VETTED_VERIFIED = "VERIFIED", "UNVERIFIED", "VETTED_VERIFIED"
IDENTITIES = ("SELF_DECLARED", UNVERIFIED, VERIFIED, VETTED_VERIFIED)

MAX_UPDATES = 3
"""Times that a rejected brand may be submitted again (inferred)."""

TOP_SCORE = 100
"""The score of the vetting that follows an approval (inferred); with ``SkipAutomaticSecVet`` there is none, and the
brand has no score (doc)."""


class NewBrand(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create (spec). The two bundles are of the vendor's trust hub, which does not exist here:
    their SIDs are stored and returned."""

    customer_profile_bundle_sid: Annotated[Given[str], sid("BU"), required()] = UNSET
    a2p_profile_bundle_sid: Annotated[Given[str], sid("BU"), required(), named("A2PProfileBundleSid")] = UNSET
    brand_type: Annotated[Given[str], choice("STANDARD", SOLE_PROPRIETOR, fold=True)] = UNSET
    mock: Annotated[Given[bool], boolean()] = UNSET
    skip_automatic_sec_vet: Annotated[Given[bool], boolean()] = UNSET


class Brand(Row, frozen=True):
    """A row of ``a2p_brands``. ``errors`` is JSON of rejection reasons; ``updates`` counts its further submissions."""

    sid: str
    account_sid: str
    date_created: int
    date_updated: int
    customer_profile_bundle_sid: str
    a2p_profile_bundle_sid: str
    brand_type: str = "STANDARD"
    mock: bool = False
    skip_automatic_sec_vet: bool = False
    status: str = PENDING
    tcr_id: str | None = None
    identity_status: str | None = None
    brand_score: int | None = None
    failure_reason: str | None = None
    errors: str = "[]"
    updates: int = 0

    @property
    def may_register(self) -> bool:
        """True if campaigns may be registered for it: if it is approved and its identity is verified (doc)."""
        return self.status == APPROVED and self.identity_status != UNVERIFIED


def view(brand: Brand, urls: Urls) -> Json:
    """Return the BrandRegistration resource (spec). Fields that only the registry could fill are null."""
    path = ("a2p", "BrandRegistrations", brand.sid)
    return {
        "sid": brand.sid,
        "account_sid": brand.account_sid,
        "customer_profile_bundle_sid": brand.customer_profile_bundle_sid,
        "a2p_profile_bundle_sid": brand.a2p_profile_bundle_sid,
        "date_created": iso(brand.date_created),
        "date_updated": iso(brand.date_updated),
        "brand_type": brand.brand_type,
        "status": brand.status,
        "tcr_id": brand.tcr_id,
        "failure_reason": brand.failure_reason,
        "url": urls.to(*path),
        "brand_score": brand.brand_score,
        "brand_feedback": None,
        "identity_status": brand.identity_status,
        "russell_3000": None,
        "government_entity": None,
        "tax_exempt_status": None,
        "skip_automatic_sec_vet": brand.skip_automatic_sec_vet,
        "mock": brand.mock,
        "errors": reasons_view(brand.errors),
        "links": urls.links(path, {"brand_vettings": "Vettings", "brand_registration_otps": "SmsOtp"}),
    }


def approval(brand: Brand, identity: str = VERIFIED, score: int | None = None) -> dict[str, Any]:
    """Return the changes that approve a brand; ``score`` from 0 to 100 overrides that of its vetting."""
    if score is None and brand.brand_type != SOLE_PROPRIETOR and not brand.skip_automatic_sec_vet:
        score = TOP_SCORE
    return {
        "status": APPROVED,
        "tcr_id": brand.tcr_id or "B" + new_token()[:6].upper(),
        "identity_status": identity,
        "brand_score": score,
        "failure_reason": None,
        "errors": "[]",
    }


async def create_brand(at_once: bool, tx: Tx, call: Call[NewBrand]) -> Brand:
    """Register a brand; approve it with ``at_once``, or if it is a mock one."""
    brand = Brand(
        sid=new_sid("BN"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        **given(call.input),
    )
    if at_once or brand.mock:
        brand = msgspec.structs.replace(brand, **approval(brand))
    await tx.insert("a2p_brands", brand)
    return brand


async def fetch_brand(tx: Tx, call: Call[Empty]) -> Brand | None:
    """Return one of the account's brands."""
    return await find_brand(tx, call.account_sid, call.path["Sid"])


async def page_brands(tx: Tx, call: Call[Empty]) -> list[Brand]:
    """Return the account's brands, oldest first (inferred)."""
    return await tx.all(
        Brand,
        f"SELECT {columns(Brand)} FROM a2p_brands WHERE account_sid = :account_sid {call.window.tail}",
        account_sid=call.account_sid,
        **call.window.values,
    )


async def update_brand(at_once: bool, tx: Tx, call: Call[Empty]) -> Brand | None:
    """Submit a rejected brand again. Raise ApiError 21725 in any other state, 21724 after the third time (doc)."""
    brand = await find_brand(tx, call.account_sid, call.path["Sid"])
    if brand is None:
        return None
    if brand.status != FAILED:
        raise ApiError(21725)
    if brand.updates >= MAX_UPDATES:
        raise ApiError(21724)
    again = {"status": PENDING, "errors": "[]", "failure_reason": None, "identity_status": None}
    changes = approval(brand) if at_once or brand.mock else again
    return await change_brand(tx, brand, updates=brand.updates + 1, **changes)


async def find_brand(tx: Tx, account_sid: str, sid: str) -> Brand | None:
    """Return the account's brand with this SID."""
    return await find_row(tx, Brand, "a2p_brands", account_sid, sid)


async def change_brand(tx: Tx, brand: Brand, **changes: Any) -> Brand:
    """Write some of a brand's columns."""
    changes["date_updated"] = tx.now
    await update_row(tx, "a2p_brands", brand.account_sid, brand.sid, changes)
    return msgspec.structs.replace(brand, **changes)


def otp_view(brand: Brand, urls: Urls) -> Json:
    """Return the brand registration OTP resource (spec)."""
    return {"account_sid": brand.account_sid, "brand_registration_sid": brand.sid}


async def create_otp(at_once: bool, tx: Tx, call: Call[Empty]) -> Brand | None:
    """Request the proof of a sole proprietor's identity once more. No mobile number for a code is stored here: with
    ``at_once`` the identity counts as proved, else the operator decides (inferred). Other brands have nothing to
    prove, and no error is documented either."""
    brand = await find_brand(tx, call.account_sid, call.path["BrandRegistrationSid"])
    if brand is None or brand.brand_type != SOLE_PROPRIETOR or brand.status != APPROVED:
        return brand
    if brand.identity_status == UNVERIFIED and (at_once or brand.mock):
        return await change_brand(tx, brand, identity_status=VERIFIED)
    return brand


def operations(at_once: bool) -> tuple[Operation, ...]:
    """Return the routes; with ``at_once`` nothing waits for a review."""
    return (
        create("/a2p/BrandRegistrations", partial(create_brand, at_once), view, NewBrand),
        listing("/a2p/BrandRegistrations", "data", page_brands, view),
        fetch("/a2p/BrandRegistrations/{Sid}", fetch_brand, view),
        update("/a2p/BrandRegistrations/{Sid}", partial(update_brand, at_once), view, Empty, status=202),
        create(
            "/a2p/BrandRegistrations/{BrandRegistrationSid}/SmsOtp",
            partial(create_otp, at_once),
            otp_view,
            Empty,
        ),
    )
