"""Brand registration OTPs: sends the code again with which a sole proprietor proves who they are (spec)."""

from __future__ import annotations

from functools import partial

from trunkline.api.operation import Call, Empty, Operation, create
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.campaign_usecases import SOLE_PROPRIETOR
from trunkline.products.messaging.compliance import brands
from trunkline.products.messaging.compliance.brands import Brand


def view(brand: Brand, urls: Urls) -> Json:
    """The resource (spec)."""
    return {"account_sid": brand.account_sid, "brand_registration_sid": brand.sid}


async def create_otp(at_once: bool, tx: Tx, call: Call[Empty]) -> Brand | None:
    """Ask a sole proprietor for proof once more. No mobile number is known here that a code could go to: with
    ``at_once`` it counts as answered, else the operator says who it is (inferred). For other brands there is nothing to
    prove, and no error is known either."""
    brand = await brands.find(tx, call.account_sid, call.path["BrandRegistrationSid"])
    if brand is None or brand.brand_type != SOLE_PROPRIETOR or brand.status != brands.APPROVED:
        return brand
    if brand.identity_status == brands.UNVERIFIED and (at_once or brand.mock):
        return await brands.change(tx, brand, identity_status=brands.VERIFIED)
    return brand


def operations(at_once: bool) -> tuple[Operation, ...]:
    """The route; with ``at_once`` nothing waits for a review."""
    path = "/a2p/BrandRegistrations/{BrandRegistrationSid}/SmsOtp"
    return (create(path, partial(create_otp, at_once), view, Empty),)
