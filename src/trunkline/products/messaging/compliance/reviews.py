"""Reviews: the registrations that wait for the operator's decision, and the effects of the decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from trunkline.api.errors import invalid
from trunkline.core.storage.database import Row, Tx
from trunkline.products.messaging.compliance import brands, campaigns, tollfree, vettings
from trunkline.products.messaging.compliance.rejection_reasons import RejectionReason, encode_reasons

R = TypeVar("R", bound=Row)


class DecisionKind(StrEnum):
    """The decisions of the operator."""

    REVIEW = "review"
    """The review has begun."""
    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"


REJECTIONS = {"brand": 30792, "campaign": 30897, "verification": 30445, "vetting": 30792}
"""By kind: the code of a rejection without one, the vendor's most general (doc)."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with its details: the reasons of a rejection, or its ``reason`` in words alone; a brand's ``score``
    from 0 to 100 and ``identity``. ``edit_allowed`` is true if a rejected toll-free verification may be edited."""

    kind: DecisionKind
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


_BRANDS = """
SELECT 'brand' AS kind, sid, account_sid, status, brand_type AS subject, date_created, date_updated FROM a2p_brands
"""
_CAMPAIGNS = """
SELECT 'campaign' AS kind, sid, account_sid, status, service_sid AS subject, date_created, date_updated
FROM a2p_campaigns
"""
_VETTINGS = """
SELECT 'vetting' AS kind, sid, account_sid, vetting_status AS status, brand_sid AS subject, date_created, date_updated
FROM a2p_vettings
"""
_VERIFICATIONS = """
SELECT 'verification' AS kind, sid, account_sid, status, number AS subject, date_created, date_updated
FROM tollfree_verifications
"""
_FIND = f"""
{_BRANDS} WHERE sid = :sid UNION ALL {_CAMPAIGNS} WHERE sid = :sid
UNION ALL {_VETTINGS} WHERE sid = :sid UNION ALL {_VERIFICATIONS} WHERE sid = :sid
"""

# The indexes of the tables have the same conditions.
_BRANDS_WAITING = f"{_BRANDS} WHERE status IN ('PENDING', 'IN_REVIEW')"
_CAMPAIGNS_WAITING = f"{_CAMPAIGNS} WHERE status IN ('PENDING', 'IN_PROGRESS')"
_VETTINGS_WAITING = f"{_VETTINGS} WHERE vetting_status = 'PENDING'"
_VERIFICATIONS_WAITING = f"{_VERIFICATIONS} WHERE status IN ('PENDING_REVIEW', 'IN_REVIEW')"

_PAGE = "ORDER BY date_created, sid LIMIT :limit"
_BEHIND = f"(date_created, sid) > (:date_created, :sid) {_PAGE}"
# Each table is read for a page alone: PostgreSQL would sort all that wait.
_WAITING = f"""
SELECT * FROM ({_BRANDS_WAITING} AND {_BEHIND}) brands
UNION ALL SELECT * FROM ({_CAMPAIGNS_WAITING} AND {_BEHIND}) campaigns
UNION ALL SELECT * FROM ({_VETTINGS_WAITING} AND {_BEHIND}) vettings
UNION ALL SELECT * FROM ({_VERIFICATIONS_WAITING} AND {_BEHIND}) verifications {_PAGE}
"""
_OF_ACCOUNT = f"account_sid = :account_sid AND {_BEHIND}"
_WAITING_OF_ACCOUNT = f"""
SELECT * FROM ({_BRANDS_WAITING} AND {_OF_ACCOUNT}) brands
UNION ALL SELECT * FROM ({_CAMPAIGNS_WAITING} AND {_OF_ACCOUNT}) campaigns
UNION ALL SELECT * FROM ({_VETTINGS_WAITING} AND {_OF_ACCOUNT}) vettings
UNION ALL SELECT * FROM ({_VERIFICATIONS_WAITING} AND {_OF_ACCOUNT}) verifications {_PAGE}
"""


async def pending_reviews(
    tx: Tx, account_sid: str | None, after: tuple[int, str], limit: int
) -> list[Review]:
    """Return up to ``limit`` registrations that wait for a decision, of an account or of all, oldest first: those
    behind the creation time and SID ``after``."""
    date_created, sid = after
    if account_sid is None:
        return await tx.all(Review, _WAITING, date_created=date_created, sid=sid, limit=limit)
    return await tx.all(
        Review,
        _WAITING_OF_ACCOUNT,
        account_sid=account_sid,
        date_created=date_created,
        sid=sid,
        limit=limit,
    )


async def find_review(tx: Tx, account_sid: str | None, sid: str) -> Review | None:
    """Return a registration of an account, or of any, whatever its status."""
    found = await tx.one(Review, _FIND, sid=sid)
    return None if found is None or account_sid not in (None, found.account_sid) else found


async def decide_review(tx: Tx, account_sid: str | None, sid: str, decision: Decision) -> Review | None:
    """Carry out a decision, whatever was decided before; return None for an unknown registration. Raise ApiError
    20001 for a decision that its kind does not have."""
    review = await find_review(tx, account_sid, sid)
    if review is None:
        return None
    if decision.kind is DecisionKind.REJECT and not decision.reasons:
        reason = RejectionReason(REJECTIONS[review.kind], decision.reason)
        decision = msgspec.structs.replace(decision, reasons=(reason,))
    await _DECIDERS[review.kind](tx, review.account_sid, sid, decision)
    return await find_review(tx, account_sid, sid)


async def _brand(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    brand = _there(await brands.find_brand(tx, account_sid, sid))
    match decision.kind:
        case DecisionKind.APPROVE:
            approval = brands.approval(brand, decision.identity, decision.score)
            await brands.change_brand(tx, brand, **approval)
        case DecisionKind.REJECT:
            await brands.change_brand(
                tx,
                brand,
                status=brands.FAILED,
                errors=encode_reasons(decision.reasons),
                failure_reason=_text(decision),
            )
        case DecisionKind.SUSPEND:
            await brands.change_brand(tx, brand, status=brands.SUSPENDED)
        case DecisionKind.REVIEW:
            await brands.change_brand(tx, brand, status=brands.IN_REVIEW)


async def _campaign(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    campaign = _there(await campaigns.find_campaign(tx, account_sid, sid))
    changes: dict[DecisionKind, dict[str, Any]] = {
        DecisionKind.APPROVE: {"status": campaigns.VERIFIED, "errors": "[]"},
        DecisionKind.REJECT: {
            "status": campaigns.FAILED,
            "errors": encode_reasons(decision.reasons),
        },
        DecisionKind.SUSPEND: {"status": campaigns.SUSPENDED},
        DecisionKind.REVIEW: {"status": campaigns.IN_PROGRESS},
    }
    await campaigns.change_campaign(tx, campaign, **changes[decision.kind])


async def _verification(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    verification = _there(await tollfree.find_verification(tx, account_sid, sid))
    match decision.kind:
        case DecisionKind.APPROVE:
            await tollfree.change_verification(tx, verification, **tollfree.approval(verification))
        case DecisionKind.REJECT:
            reasons = tuple((one.error_code, one.description) for one in decision.reasons)
            await tollfree.reject_verification(tx, verification, reasons, decision.edit_allowed)
        case DecisionKind.SUSPEND:
            raise invalid("decision", "a verification is rejected, not suspended")
        case DecisionKind.REVIEW:
            await tollfree.change_verification(tx, verification, status=tollfree.IN_REVIEW)


async def _vetting(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    vetting = _there(await vettings.find_vetting(tx, account_sid, sid))
    match decision.kind:
        case DecisionKind.APPROVE:
            await vettings.finish_vetting(tx, vetting, vettings.SUCCESS, decision.score)
        case DecisionKind.REJECT:
            await vettings.finish_vetting(tx, vetting, vettings.FAILED)
        case _:
            raise invalid("decision", "a vetting is approved or rejected")


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
