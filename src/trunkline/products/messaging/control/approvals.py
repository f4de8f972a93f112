"""Approvals: ``/_trunkline/compliance`` lists the registrations that wait for a decision, ``…/compliance/{sid}`` shows
one, and ``POST …/compliance/{sid}/approve``, ``/reject``, ``/suspend`` or ``/review`` decides.

They are the operator's, and of all accounts unless ``AccountSid`` names one. ``PageSize`` and ``PageToken`` page the
list.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import paging, params
from trunkline.api.operation import FOR_OPERATOR, Act, Call, Empty, Operation, fetch, update
from trunkline.api.paging import BEGINNING, PageParameters, TokenPage
from trunkline.api.params import Given, boolean, choice, integer, json_struct, many, text
from trunkline.api.views import Json, Urls, token_page_view
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance import reviews
from trunkline.products.messaging.compliance.brands import IDENTITIES
from trunkline.products.messaging.compliance.rejection_reasons import RejectionReason
from trunkline.products.messaging.compliance.reviews import Decision, DecisionKind, Review

_REASON = json_struct(RejectionReason, "must be objects with error_code, description and fields")


class DecisionParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a decision: the ``reason`` of a rejection in words, or its ``errors``; a brand's score and
    identity; whether a rejected toll-free verification may be edited."""

    reason: Annotated[Given[str], text(1)] = UNSET
    errors: Annotated[Given[list[RejectionReason] | None], many(_REASON)] = UNSET
    brand_score: Annotated[Given[int], integer(0, 100)] = UNSET
    identity_status: Annotated[Given[str], choice(*IDENTITIES)] = UNSET
    edit_allowed: Annotated[Given[bool], boolean()] = UNSET


def view(review: Review, urls: Urls) -> Json:
    """Return a registration as the operator sees it."""
    return {
        "kind": review.kind,
        "sid": review.sid,
        "account_sid": review.account_sid,
        "status": review.status,
        "subject": review.subject,
        "created_at": review.date_created / SECOND,
        "updated_at": review.date_updated / SECOND,
    }


async def list_waiting(tx: Tx, call: Call[PageParameters]) -> TokenPage[Review]:
    """Return a page of the registrations that wait for a decision, oldest first. Raise ApiError 21481 for a bad
    token."""
    size = paging.size_of(call.input.page_size)
    after = paging.start_of(call.input.page_token) or BEGINNING
    found = await reviews.pending_reviews(tx, call.account_sid or None, after, size + 1)
    return paging.token_page(found, size, paging.OLDEST_FIRST.key)


async def fetch_registration(tx: Tx, call: Call[Empty]) -> Review | None:
    """Return a registration."""
    return await reviews.find_review(tx, call.account_sid or None, call.path["Sid"])


def _deciding(kind: DecisionKind) -> Act:
    async def decide(tx: Tx, call: Call[DecisionParameters]) -> Review | None:
        """Decide on a registration. Raise ApiError 20001 for a decision that its kind does not have."""
        given = params.given(call.input)
        decision = Decision(
            kind=kind,
            reasons=tuple(given.pop("errors", None) or ()),
            score=given.pop("brand_score", None),
            identity=given.pop("identity_status", "VERIFIED"),
            **given,
        )
        return await reviews.decide_review(tx, call.account_sid or None, call.path["Sid"], decision)

    return decide


OPERATIONS: tuple[Operation, ...] = (
    fetch(
        "/compliance",
        list_waiting,
        token_page_view("waiting", view),
        input=PageParameters,
        pages=True,
        **FOR_OPERATOR,
    ),
    fetch("/compliance/{Sid}", fetch_registration, view, **FOR_OPERATOR),
    *(
        update(
            f"/compliance/{{Sid}}/{kind.value}",
            _deciding(kind),
            view,
            DecisionParameters,
            **FOR_OPERATOR,
        )
        for kind in DecisionKind
    ),
)
"""The operations of approvals."""
