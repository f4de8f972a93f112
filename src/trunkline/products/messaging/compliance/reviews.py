"""Reviews: the registrations that wait for the operator's decision, and the effects of the decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from trunkline.api.errors import invalid
from trunkline.core.storage.database import Row, Tx
from trunkline.products.messaging.compliance import brands, campaigns, tollfree, vettings
from trunkline.products.messaging.compliance import rejection_reasons as findings
from trunkline.products.messaging.compliance.rejection_reasons import RejectionReason

R = TypeVar("R", bound=Row)


class ReviewVerdict(StrEnum):
    """The verdicts of the operator."""

    REVIEW = "review"
    """The review has begun."""
    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"


REJECTIONS = {"brand": 30792, "campaign": 30897, "verification": 30445, "vetting": 30792}
"""By kind: the code of a rejection without one, the vendor's most general (doc)."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with its details: the reasons of a rejection, or its ``reason`` in words alone; a brand's ``score``
    from 0 to 100 and ``identity``. ``edit_allowed`` is true if a rejected toll-free verification may be edited."""

    verdict: ReviewVerdict
    reasons: tuple[RejectionReason, ...] = ()
    reason: str = "The registration was reviewed and rejected."
    score: int | None = None
    identity: str = brands.VERIFIED
    edit_allowed: bool = True


class Review(Row, frozen=True):
    """A registration for the operator; ``subject`` is a brand's type, a Service or a number."""

    kind: str
    sid: str
    account_sid: str
    status: str
    subject: str
    date_created: int
    date_updated: int


_REVIEWS = """
SELECT kind, sid, account_sid, status, subject, date_created, date_updated FROM (
    SELECT 'brand' AS kind, sid, account_sid, status, brand_type AS subject, date_created, date_updated
    FROM a2p_brands
    UNION ALL SELECT 'campaign', sid, account_sid, status, service_sid, date_created, date_updated
    FROM a2p_campaigns
    UNION ALL SELECT 'vetting', sid, account_sid, vetting_status, brand_sid, date_created, date_updated
    FROM a2p_vettings
    UNION ALL SELECT 'verification', sid, account_sid, status, number, date_created, date_updated
    FROM tollfree_verifications
) AS reviews WHERE (account_sid = :account_sid OR :everybody)
"""

_WAITING = f"""{_REVIEWS} AND status IN ('PENDING', 'IN_REVIEW', 'IN_PROGRESS', 'PENDING_REVIEW')
ORDER BY date_created, sid LIMIT :most"""

MOST = 1000


async def pending_reviews(tx: Tx, account_sid: str) -> list[Review]:
    """Return the registrations of an account, or of all if none is named, that wait for a decision, the oldest 1,000
    first."""
    return await tx.all(Review, _WAITING, account_sid=account_sid, everybody=not account_sid, most=MOST)


async def find_review(tx: Tx, account_sid: str, sid: str) -> Review | None:
    """Return a registration of an account, or of any if none is named, whatever its status."""
    return await tx.one(
        Review, f"{_REVIEWS} AND sid = :sid", account_sid=account_sid, everybody=not account_sid, sid=sid
    )


async def decide_review(tx: Tx, account_sid: str, sid: str, decision: Decision) -> Review | None:
    """Carry out a decision, whatever was decided before; return None for an unknown registration. Raise ApiError
    20001 for a verdict that its kind does not have."""
    review = await find_review(tx, account_sid, sid)
    if review is None:
        return None
    if decision.verdict is ReviewVerdict.REJECT and not decision.reasons:
        finding = RejectionReason(REJECTIONS[review.kind], decision.reason)
        decision = msgspec.structs.replace(decision, reasons=(finding,))
    await _DECIDERS[review.kind](tx, review.account_sid, sid, decision)
    return await find_review(tx, account_sid, sid)


async def _brand(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    brand = _there(await brands.find_brand(tx, account_sid, sid))
    match decision.verdict:
        case ReviewVerdict.APPROVE:
            brand = await brands.change_brand(
                tx, brand, **brands.approval(brand, decision.identity, decision.score)
            )
            await campaigns.apply_rate_limits(tx, brand)
        case ReviewVerdict.REJECT:
            await brands.change_brand(
                tx,
                brand,
                status=brands.FAILED,
                errors=findings.encode_reasons(decision.reasons),
                failure_reason=_text(decision),
            )
        case ReviewVerdict.SUSPEND:
            await brands.change_brand(tx, brand, status=brands.SUSPENDED)
        case ReviewVerdict.REVIEW:
            await brands.change_brand(tx, brand, status=brands.IN_REVIEW)


async def _campaign(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    campaign = _there(await campaigns.find_campaign(tx, account_sid, sid))
    changes: dict[ReviewVerdict, dict[str, Any]] = {
        ReviewVerdict.APPROVE: {"status": campaigns.VERIFIED, "errors": "[]"},
        ReviewVerdict.REJECT: {
            "status": campaigns.FAILED,
            "errors": findings.encode_reasons(decision.reasons),
        },
        ReviewVerdict.SUSPEND: {"status": campaigns.SUSPENDED},
        ReviewVerdict.REVIEW: {"status": campaigns.IN_PROGRESS},
    }
    await campaigns.change_campaign(tx, campaign, **changes[decision.verdict])


async def _verification(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    verification = _there(await tollfree.find_verification(tx, account_sid, sid))
    match decision.verdict:
        case ReviewVerdict.APPROVE:
            await tollfree.change_verification(tx, verification, **tollfree.approval(verification))
        case ReviewVerdict.REJECT:
            reasons = tuple((one.error_code, one.description) for one in decision.reasons)
            await tollfree.reject_verification(tx, verification, reasons, decision.edit_allowed)
        case ReviewVerdict.SUSPEND:
            raise invalid("verdict", "a verification is rejected, not suspended")
        case ReviewVerdict.REVIEW:
            await tollfree.change_verification(tx, verification, status=tollfree.IN_REVIEW)


async def _vetting(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    vetting = _there(await vettings.find_vetting(tx, account_sid, sid))
    match decision.verdict:
        case ReviewVerdict.APPROVE:
            await vettings.finish_vetting(tx, vetting, vettings.SUCCESS, decision.score)
        case ReviewVerdict.REJECT:
            await vettings.finish_vetting(tx, vetting, vettings.FAILED)
        case _:
            raise invalid("verdict", "a vetting is approved or rejected")


_DECIDERS: dict[str, Callable[[Tx, str, str, Decision], Awaitable[None]]] = {
    "brand": _brand,
    "campaign": _campaign,
    "verification": _verification,
    "vetting": _vetting,
}


def _text(decision: Decision) -> str:
    return "; ".join(reason.description for reason in decision.reasons)


def _there(found: R | None) -> R:
    """Return the registration of a review, which was read before in this transaction."""
    assert found is not None
    return found
