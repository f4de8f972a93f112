"""Which of a Service's senders a message goes from. Pure.

1. A recipient on a channel is reached by senders of that channel only, and a telephone number by no channel's (doc).
2. A sender that served the recipient before is kept while it can (doc).
3. Else kinds of senders have a priority: short code, alphanumeric, number; in Canada a toll-free number before others
   (doc). Short codes serve their country, numbers their country first. Recipients in the United States and Canada are
   reached from these two countries' numbers only, others rather from a number of the United States than from any (doc).
4. In the United States and Canada the same area code comes before one of the same area, and that before others (doc).
5. Among equals, the one with the shortest queue; then the one that was used longest ago; then by SID (inferred).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum

import msgspec

from trunkline.products.messaging.numbers.area_codes import Nearness, same_area
from trunkline.products.messaging.numbers.parsing import Channel, area_code_of, channel_of
from trunkline.products.messaging.senders.alpha import COUNTRIES, Countries, Welcome

NO_SENDER = 21703
"""The error code of a message for which there is no sender."""

NORTH_AMERICA = frozenset({"US", "CA"})


class SenderKind(Enum):
    """What a sender of a Service is."""

    PHONE_NUMBER = "phone_number"
    SHORT_CODE = "short_code"
    ALPHA = "alpha"
    DESTINATION_ALPHA = "destination_alpha"
    CHANNEL = "channel"


class Candidate(msgspec.Struct, frozen=True):
    """A sender of the Service. ``value`` is what recipients see, with the prefix of its channel; ``country`` is where
    a number or short code is at home, and where a destination alpha is for, empty for everywhere. ``queued`` counts the
    segments that wait for it, ``last_used`` is higher the later it was chosen."""

    sid: str
    kind: SenderKind
    value: str
    country: str = ""
    sms: bool = True
    mms: bool = False
    toll_free: bool = False
    queued: int = 0
    last_used: int = 0


class Wish(msgspec.Struct, frozen=True):
    """What is to be sent, and by which settings of the Service. ``recipient`` is E.164, behind a prefix on a channel;
    ``country`` is its region. ``media`` tells that there are attachments, ``converts`` that they go as links in an SMS.
    ``sticky`` is the SID of the sender that served the recipient before, None when there is none or the setting is
    off."""

    recipient: str
    country: str
    media: bool = False
    converts: bool = False
    area_code_geomatch: bool = True
    sticky: str | None = None
    alpha_countries: Countries = COUNTRIES

    @property
    def needs_mms(self) -> bool:
        """Whether only a sender for MMS will do."""
        return self.media and not self.converts


class Reason(Enum):
    """Why a sender was chosen."""

    STICKY = "sticky"
    CHANNEL = "channel"
    SHORT_CODE = "short_code"
    DESTINATION_ALPHA = "destination_alpha"
    ALPHA = "alpha"
    TOLL_FREE = "toll_free"
    AREA_CODE = "area_code"
    OVERLAY = "overlay"
    COUNTRY = "country"
    NORTH_AMERICA = "north_america"
    UNITED_STATES = "united_states"
    ANY = "any"
    NONE = "none"


class Choice(msgspec.Struct, frozen=True):
    """The sender and why; without one the message fails with 21703. ``forget`` tells that the sender that served the
    recipient before does so no longer. While the setting is on, the chosen one is to be remembered (doc)."""

    sender: Candidate | None
    reason: Reason
    forget: bool = False


def choose(candidates: Sequence[Candidate], wish: Wish) -> Choice:
    """The sender among the Service's. That its queue is full is the caller's concern: the shortest was chosen."""
    usable = [one for one in candidates if _reaches(one, wish)]
    kept = _kept(usable, wish)
    if kept is not None:
        return Choice(kept, Reason.STICKY)
    forget = wish.sticky is not None
    for reason, tier in _tiers(usable, wish):
        if tier:
            return Choice(min(tier, key=_turn), reason, forget)
    return Choice(None, Reason.NONE, forget)


def _turn(one: Candidate) -> tuple[int, int, str]:
    return one.queued, one.last_used, one.sid


def _kept(usable: Iterable[Candidate], wish: Wish) -> Candidate | None:
    """The sender that the recipient knows, unless it is gone, or a number of another country while there is now a
    number or short code of the recipient's own (doc)."""
    kept = next((one for one in usable if one.sid == wish.sticky), None)
    if kept is None or kept.kind is not SenderKind.PHONE_NUMBER or _at_home(kept, wish):
        return kept
    superseded = any(
        one.kind is SenderKind.SHORT_CODE or (one.kind is SenderKind.PHONE_NUMBER and _at_home(one, wish))
        for one in usable
    )
    return None if superseded else kept


def _reaches(one: Candidate, wish: Wish) -> bool:
    """Whether a sender can carry the message and may send to the recipient's country."""
    channel = channel_of(wish.recipient)
    if channel is not Channel.SMS or one.kind is SenderKind.CHANNEL:
        return one.kind is SenderKind.CHANNEL and channel_of(one.value) is channel
    if one.kind in (SenderKind.ALPHA, SenderKind.DESTINATION_ALPHA):
        refused = wish.alpha_countries.welcome(wish.country) is Welcome.REFUSED
        return not wish.needs_mms and not refused and one.country in ("", wish.country)
    if not (one.mms if wish.needs_mms else one.sms):
        return False
    if one.kind is SenderKind.SHORT_CODE:
        return one.country == wish.country
    return wish.country not in NORTH_AMERICA or one.country in NORTH_AMERICA


def _at_home(one: Candidate, wish: Wish) -> bool:
    """Whether a number belongs to the recipient's country; toll-free ones of North America belong to both there."""
    if one.toll_free and wish.country in NORTH_AMERICA:
        return one.country in NORTH_AMERICA
    return one.country == wish.country


def _tiers(usable: Sequence[Candidate], wish: Wish) -> Iterator[tuple[Reason, list[Candidate]]]:
    """The usable senders by priority; each tier with the reason for choosing from it."""

    def of(kind: SenderKind, fits: Callable[[Candidate], bool] = lambda _: True) -> list[Candidate]:
        return [one for one in usable if one.kind is kind and fits(one)]

    yield Reason.CHANNEL, of(SenderKind.CHANNEL)
    yield Reason.SHORT_CODE, of(SenderKind.SHORT_CODE)
    yield Reason.DESTINATION_ALPHA, of(SenderKind.DESTINATION_ALPHA, lambda one: one.country != "")
    yield Reason.ALPHA, of(SenderKind.DESTINATION_ALPHA) + of(SenderKind.ALPHA)
    numbers = of(SenderKind.PHONE_NUMBER)
    at_home = [one for one in numbers if _at_home(one, wish)]
    if wish.country == "CA":
        yield Reason.TOLL_FREE, [one for one in at_home if one.toll_free]
    if wish.country in NORTH_AMERICA and wish.area_code_geomatch:
        area = area_code_of(wish.recipient)
        near = [(same_area(area, area_code_of(one.value)), one) for one in at_home]
        yield Reason.AREA_CODE, [one for nearness, one in near if nearness is Nearness.SAME]
        yield Reason.OVERLAY, [one for nearness, one in near if nearness is Nearness.OVERLAY]
    yield Reason.COUNTRY, at_home
    if wish.country in NORTH_AMERICA:
        yield Reason.NORTH_AMERICA, numbers
    yield Reason.UNITED_STATES, [one for one in numbers if one.country == "US"]
    yield Reason.ANY, numbers
