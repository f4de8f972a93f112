"""Reviews: what waits for the operator's decision, and what the decision does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from trunkline.api.errors import invalid
from trunkline.core.storage.database import Row, Tx
from trunkline.products.messaging.compliance import brands, campaigns, findings, tollfree, vettings
from trunkline.products.messaging.compliance.findings import Finding

R = TypeVar("R", bound=Row)


class Verdict(StrEnum):
    """What the operator may decide."""

    REVIEW = "review"
    """The review has begun."""
    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"


REJECTIONS = {"brand": 30792, "campaign": 30897, "verification": 30445, "vetting": 30792}
"""By kind: the code of a rejection that names none, the vendor's most general one (doc)."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with what belongs to it: the reasons of a rejection, or its ``reason`` in words alone; a brand's
    ``score`` from 0 to 100 and ``identity``; whether a rejected toll-free verification may be edited."""

    verdict: Verdict
    reasons: tuple[Finding, ...] = ()
    reason: str = "The registration was reviewed and rejected."
    score: int | None = None
    identity: str = brands.VERIFIED
    edit_allowed: bool = True


class Review(Row, frozen=True):
    """A registration as the operator sees it; ``subject`` is what it is about: a brand's type, a Service, a number."""

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


async def waiting(tx: Tx, account_sid: str) -> list[Review]:
    """Return the registrations of an account, or of all if none is named, that wait for a decision, the oldest 1,000
    first."""
    return await tx.all(Review, _WAITING, account_sid=account_sid, everybody=not account_sid, most=MOST)


async def find(tx: Tx, account_sid: str, sid: str) -> Review | None:
    """Return a registration of an account, or of any if none is named, whatever its status."""
    return await tx.one(
        Review, f"{_REVIEWS} AND sid = :sid", account_sid=account_sid, everybody=not account_sid, sid=sid
    )


async def decide(tx: Tx, account_sid: str, sid: str, decision: Decision) -> Review | None:
    """Carry out a decision, whatever was decided before; None for an unknown registration. Raises ApiError 20001 for a
    verdict that there is not for its kind."""
    review = await find(tx, account_sid, sid)
    if review is None:
        return None
    if decision.verdict is Verdict.REJECT and not decision.reasons:
        finding = Finding(REJECTIONS[review.kind], decision.reason)
        decision = msgspec.structs.replace(decision, reasons=(finding,))
    await _DECIDERS[review.kind](tx, review.account_sid, sid, decision)
    return await find(tx, account_sid, sid)


async def _brand(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    brand = _there(await brands.find(tx, account_sid, sid))
    match decision.verdict:
        case Verdict.APPROVE:
            brand = await brands.change(
                tx, brand, **brands.approval(brand, decision.identity, decision.score)
            )
            await campaigns.rate(tx, brand)
        case Verdict.REJECT:
            await brands.change(
                tx,
                brand,
                status=brands.FAILED,
                errors=findings.encoded(decision.reasons),
                failure_reason=_text(decision),
            )
        case Verdict.SUSPEND:
            await brands.change(tx, brand, status=brands.SUSPENDED)
        case Verdict.REVIEW:
            await brands.change(tx, brand, status=brands.IN_REVIEW)


async def _campaign(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    campaign = _there(await campaigns.find(tx, account_sid, sid))
    changes: dict[Verdict, dict[str, Any]] = {
        Verdict.APPROVE: {"status": campaigns.VERIFIED, "errors": "[]"},
        Verdict.REJECT: {"status": campaigns.FAILED, "errors": findings.encoded(decision.reasons)},
        Verdict.SUSPEND: {"status": campaigns.SUSPENDED},
        Verdict.REVIEW: {"status": campaigns.IN_PROGRESS},
    }
    await campaigns.change(tx, campaign, **changes[decision.verdict])


async def _verification(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    verification = _there(await tollfree.find(tx, account_sid, sid))
    match decision.verdict:
        case Verdict.APPROVE:
            await tollfree.change(tx, verification, **tollfree.approval(verification))
        case Verdict.REJECT:
            reasons = tuple((one.error_code, one.description) for one in decision.reasons)
            await tollfree.reject(tx, verification, reasons, decision.edit_allowed)
        case Verdict.SUSPEND:
            raise invalid("verdict", "a verification is rejected, not suspended")
        case Verdict.REVIEW:
            await tollfree.change(tx, verification, status=tollfree.IN_REVIEW)


async def _vetting(tx: Tx, account_sid: str, sid: str, decision: Decision) -> None:
    vetting = _there(await vettings.find(tx, account_sid, sid))
    match decision.verdict:
        case Verdict.APPROVE:
            await vettings.settle(tx, vetting, vettings.SUCCESS, decision.score)
        case Verdict.REJECT:
            await vettings.settle(tx, vetting, vettings.FAILED)
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
    """What the review was of: it was there a moment ago, in this transaction."""
    assert found is not None
    return found
