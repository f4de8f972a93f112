"""A model of sender selection, written from the contract alone: each sender gets a rank, and the lowest is chosen.

The implementation goes through tiers; this model rates one sender for one message.
"""

from __future__ import annotations

from trunkline.products.messaging.numbers.area_codes import OVERLAYS
from trunkline.products.messaging.senders.sender_choice import Candidate, PoolSenderKind, SenderRequest

NORTH = ("US", "CA")
AREAS = [area.split("/") for area in OVERLAYS.split()]


def best(candidates: list[Candidate], request: SenderRequest) -> str | None:
    """Return the SID of the sender to use, None when there is none."""
    for one in candidates:
        if (
            one.sid == request.sticky
            and rank(one, request) is not None
            and not superseded(one, candidates, request)
        ):
            return one.sid
    ranked = [(rank(one, request), one.queued, one.last_used, one.sid) for one in candidates]
    good = sorted(entry for entry in ranked if entry[0] is not None)
    return good[0][3] if good else None


def rank(one: Candidate, request: SenderRequest) -> int | None:
    """Return the rank of a sender for a message, less is better; None when it will not do."""
    if ":" in request.recipient:
        same = (
            one.kind is PoolSenderKind.CHANNEL and one.value.split(":")[0] == request.recipient.split(":")[0]
        )
        return 0 if same else None
    mms = request.media and not request.converts
    match one.kind:
        case PoolSenderKind.CHANNEL:
            return None
        case PoolSenderKind.SHORT_CODE:
            capable = one.mms if mms else one.sms
            return 1 if capable and one.country == request.country else None
        case PoolSenderKind.ALPHA | PoolSenderKind.DESTINATION_ALPHA:
            if mms or request.country in request.alpha_countries.refusing:
                return None
            return {request.country: 2, "": 3}.get(one.country)
        case PoolSenderKind.PHONE_NUMBER:
            return number_rank(one, request) if (one.mms if mms else one.sms) else None


def number_rank(one: Candidate, request: SenderRequest) -> int | None:
    """Return the rank of a number that can carry the message."""
    if request.country in NORTH:
        if one.country not in NORTH:
            return None
        if request.country == "CA" and one.toll_free:
            return 10
        if one.country != request.country and not one.toll_free:
            return 14
        return 11 + area_rank(one, request) if request.area_code_geomatch else 13
    if one.country == request.country:
        return 20
    return 21 if one.country == "US" else 22


def area_rank(one: Candidate, request: SenderRequest) -> int:
    """Return 0 for the same area code, 1 for another of the area, 2 for others."""
    codes = {one.value[2:5], request.recipient[2:5]}
    if len(codes) == 1:
        return 0
    return 1 if any(codes <= set(area) for area in AREAS) else 2


def superseded(one: Candidate, candidates: list[Candidate], request: SenderRequest) -> bool:
    """Return whether a foreign number that a recipient is used to must give way to a sender of the own
    country.
    """

    def native(other: Candidate) -> bool:
        tollfree = other.toll_free and other.country in NORTH and request.country in NORTH
        return other.country == request.country or tollfree

    if one.kind is not PoolSenderKind.PHONE_NUMBER or native(one):
        return False
    kinds = (PoolSenderKind.SHORT_CODE, PoolSenderKind.PHONE_NUMBER)
    return any(
        other.kind in kinds and native(other) and rank(other, request) is not None for other in candidates
    )
