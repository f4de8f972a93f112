"""Toll-free verifications (HH…): the owner and the purpose of a toll-free number in the US and Canada (spec).

A verification is PENDING_REVIEW until it is reviewed: by the operator, or TWILIO_APPROVED at once if the server is
set so. A rejected one may be edited for seven days (doc), which submits it again.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, missing
from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given, Parser, boolean, choice, given, many, sid, text
from trunkline.api.views import Json, Urls
from trunkline.core.clock import SECOND
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import delete_row, find_row, update_row
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.messaging.compliance.tollfree_content import (
    NOT_A_NUMBER,
    TollfreeContent,
    TollfreeParameters,
    changed,
    content_of,
)

PENDING_REVIEW, IN_REVIEW = "PENDING_REVIEW", "IN_REVIEW"
APPROVED, REJECTED = "TWILIO_APPROVED", "TWILIO_REJECTED"
STATUSES = (PENDING_REVIEW, IN_REVIEW, APPROVED, REJECTED)

EDIT_SECONDS = 7 * 24 * 3600
"""Seconds for which a rejected verification may be edited (doc)."""


class VerificationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the list (spec)."""

    tollfree_phone_number_sid: Annotated[Given[str | None], sid("PN")] = UNSET
    status: Annotated[Given[str | None], choice(*STATUSES, clears=True)] = UNSET
    external_reference_id: Annotated[Given[str | None], text(clears=True)] = UNSET
    include_sub_accounts: Annotated[Given[bool | None], Parser(boolean().parse, clears=True)] = UNSET
    trust_product_sid: Annotated[Given[list[str] | None], many(text(1))] = UNSET


class Verification(Row, frozen=True):
    """A row of ``tollfree_verifications``. ``content`` and ``rejection_reasons`` are JSON. The trust product and
    the regulated item are of the vendor's trust hub, which does not exist here: an approved verification gets SIDs
    for them."""

    sid: str
    account_sid: str
    date_created: int
    date_updated: int
    number_sid: str
    number: str
    status: str = PENDING_REVIEW
    trust_product_sid: str | None = None
    regulated_item_sid: str | None = None
    external_reference_id: str | None = None
    rejection_reason: str | None = None
    error_code: int | None = None
    rejection_reasons: str = "null"
    edit_allowed: bool | None = None
    edit_expiration: int | None = None
    content: str = "{}"
    owner_account_sid: str = ""
    """The main account."""


_NOT_REJECTED: dict[str, Any] = {
    "rejection_reason": None,
    "error_code": None,
    "rejection_reasons": "null",
    "edit_allowed": None,
    "edit_expiration": None,
}


def view(verification: Verification, urls: Urls) -> Json:
    """Return the TollfreeVerification resource (spec). There are no documents for ``resource_links``."""
    content = msgspec.to_builtins(msgspec.json.decode(verification.content, type=TollfreeContent))
    expiration = verification.edit_expiration
    return {
        "sid": verification.sid,
        "account_sid": verification.account_sid,
        "trust_product_sid": verification.trust_product_sid,
        "regulated_item_sid": verification.regulated_item_sid,
        "status": verification.status,
        "date_created": iso(verification.date_created),
        "date_updated": iso(verification.date_updated),
        **content,
        "tollfree_phone_number_sid": verification.number_sid,
        "tollfree_phone_number": verification.number,
        "rejection_reason": verification.rejection_reason,
        "error_code": verification.error_code,
        "edit_expiration": None if expiration is None else iso(expiration),
        "edit_allowed": verification.edit_allowed,
        "rejection_reasons": msgspec.json.decode(verification.rejection_reasons),
        "resource_links": {},
        "url": urls.to("Tollfree", "Verifications", verification.sid),
        "external_reference_id": verification.external_reference_id,
        "vetting_id_expiration": None,
    }


def approval(verification: Verification) -> dict[str, Any]:
    """Return the changes that approve a verification."""
    return {
        **_NOT_REJECTED,
        "status": APPROVED,
        "trust_product_sid": verification.trust_product_sid or new_sid("BU"),
        "regulated_item_sid": verification.regulated_item_sid or new_sid("RA"),
    }


async def create_verification(at_once: bool, tx: Tx, call: Call[TollfreeParameters]) -> Verification:
    """Submit a number's verification. Raise ApiError 30436 if it is not a toll-free number of the account (doc)."""
    params = call.input
    if not isinstance(params.tollfree_phone_number_sid, str):
        raise missing("TollfreePhoneNumberSid")
    content = content_of(params)
    number = await tx.value(
        "SELECT number FROM numbers WHERE sid = :sid AND account_sid = :account_sid AND kind = 'toll-free'",
        sid=params.tollfree_phone_number_sid,
        account_sid=call.account_sid,
    )
    if number is None:
        raise ApiError(NOT_A_NUMBER)
    verification = Verification(
        sid=new_sid("HH"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        number_sid=params.tollfree_phone_number_sid,
        number=number,
        external_reference_id=params.external_reference_id or None,
        content=msgspec.json.encode(content).decode(),
        owner_account_sid=call.principal.owner_sid,
    )
    if at_once:
        verification = msgspec.structs.replace(verification, **approval(verification))
    await tx.insert("tollfree_verifications", verification)
    return verification


async def fetch_verification(tx: Tx, call: Call[Empty]) -> Verification | None:
    """Return one of the account's verifications."""
    return await find_verification(tx, call.account_sid, call.path["Sid"])


_TABLE = "tollfree_verifications"
_OWN = ListQuery(_TABLE, ("account_sid = :account_sid",))
_OF_FAMILY = ListQuery(_TABLE, ("owner_account_sid = :account_sid",))
_OF_PRODUCTS = "CAST(:products AS TEXT) LIKE '%' || trust_product_sid || '%' ESCAPE '!'"


async def page_verifications(tx: Tx, call: Call[VerificationFilter]) -> WalkResult[Verification]:
    """Return the account's verifications, oldest first (inferred), with those of its subaccounts on request."""
    wanted = call.input
    products = wanted.trust_product_sid or ()
    # The first has the fewest rows as a rule, the last the most.
    values = {
        "number_sid": wanted.tollfree_phone_number_sid or "",
        "trust_product_sid": products[0] if len(products) == 1 else "",
        "external_reference_id": wanted.external_reference_id or "",
        "status": wanted.status or "",
    }
    filters = [f"{name} = :{name}" for name, value in values.items() if value]
    # A subaccount has none of its own.
    family = wanted.include_sub_accounts is True and call.principal.owner_sid == call.account_sid
    query = (_OF_FAMILY if family else _OWN).narrowed(filters, [_OF_PRODUCTS] if len(products) > 1 else ())
    return await walk(
        tx,
        Verification,
        query,
        call.window.span,
        account_sid=call.account_sid,
        products=" ".join(products),
        **values,
    )


async def update_verification(at_once: bool, tx: Tx, call: Call[TollfreeParameters]) -> Verification | None:
    """Edit a verification, which submits it again; with nothing given nothing changes (inferred). Raise ApiError 20001
    while it is in review, and for a rejected one that may not be edited, or no longer (inferred code)."""
    verification = await find_verification(tx, call.account_sid, call.path["Sid"])
    if verification is None:
        return None
    if verification.status == IN_REVIEW:
        raise ApiError(20001, "A verification cannot be edited while it is in review")
    if verification.status == REJECTED and not _editable(verification, tx.now):
        raise ApiError(20001, "This rejected verification cannot be edited: make a new one")
    if not given(call.input):
        return verification
    content = changed(msgspec.json.decode(verification.content, type=TollfreeContent), call.input)
    status = approval(verification) if at_once else {**_NOT_REJECTED, "status": PENDING_REVIEW}
    return await change_verification(
        tx, verification, content=msgspec.json.encode(content).decode(), **status
    )


def _editable(verification: Verification, now: int) -> bool:
    return bool(verification.edit_allowed) and now < (verification.edit_expiration or 0)


async def delete_verification(tx: Tx, call: Call[Empty]) -> bool:
    """Delete a verification, which ends the verification of its number."""
    return await delete_row(tx, "tollfree_verifications", call.account_sid, call.path["Sid"])


async def find_verification(tx: Tx, account_sid: str, sid: str) -> Verification | None:
    """Return the account's verification with this SID."""
    return await find_row(tx, Verification, "tollfree_verifications", account_sid, sid)


async def is_verified(tx: Tx, account_sid: str, number: str) -> bool:
    """Return whether the account has an approved verification for this number."""
    found = await tx.value(
        "SELECT sid FROM tollfree_verifications"
        " WHERE number = :number AND status = :approved AND account_sid = :account_sid LIMIT 1",
        number=number,
        approved=APPROVED,
        account_sid=account_sid,
    )
    return found is not None


async def reject_verification(
    tx: Tx, verification: Verification, reasons: tuple[tuple[int, str], ...], edit_allowed: bool
) -> Verification:
    """Reject a verification for ``reasons``, codes with their texts."""
    return await change_verification(
        tx,
        verification,
        status=REJECTED,
        rejection_reason="; ".join(reason for _, reason in reasons) or None,
        error_code=reasons[0][0] if reasons else None,
        rejection_reasons=msgspec.json.encode(
            [{"reason": reason, "code": code} for code, reason in reasons]
        ).decode(),
        edit_allowed=edit_allowed,
        edit_expiration=tx.now + EDIT_SECONDS * SECOND if edit_allowed else None,
    )


async def change_verification(tx: Tx, verification: Verification, **changes: Any) -> Verification:
    """Write some of a verification's columns."""
    changes["date_updated"] = tx.now
    await update_row(tx, "tollfree_verifications", verification.account_sid, verification.sid, changes)
    return msgspec.structs.replace(verification, **changes)


def operations(at_once: bool) -> tuple[Operation, ...]:
    """Return the routes; with ``at_once`` nothing waits for a review."""
    path = "/Tollfree/Verifications"
    return (
        create(path, partial(create_verification, at_once), view, TollfreeParameters),
        listing(path, "verifications", page_verifications, view, input=VerificationFilter),
        fetch(f"{path}/{{Sid}}", fetch_verification, view),
        update(
            f"{path}/{{Sid}}", partial(update_verification, at_once), view, TollfreeParameters, status=202
        ),
        delete(f"{path}/{{Sid}}", delete_verification),
    )
