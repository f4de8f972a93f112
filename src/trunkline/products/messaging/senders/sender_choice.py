"""The choice among a Service's senders for a message. Pure.

1. A recipient on a channel is reached by senders of that channel only, and a telephone number by no channel's
   (doc).
2. The sticky sender of the recipient is kept while it can be used (doc).
3. Else kinds of senders have a priority: short code, alphanumeric, number; in Canada a toll-free number before
   others (doc). Short codes serve their country, numbers their country first. Recipients in the United States and
   Canada are reached from these two countries' numbers only, others rather from a number of the United States than
   from any (doc).
4. In the United States and Canada the same area code comes before one of the same area, and that before others
   (doc).
5. Among equals, the one with the shortest queue comes first; then the one that was used longest ago; then by SID
   (inferred).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum

import msgspec

from trunkline.products.messaging.numbers.area_codes import Nearness, same_area
from trunkline.products.messaging.numbers.parsing import Channel, area_code_of, channel_of
from trunkline.products.messaging.senders.alpha_rules import COUNTRIES, AlphaCountries, AlphaSupport

NO_SENDER = 21703
"""The error code of a message for which there is no sender."""

NORTH_AMERICA = frozenset({"US", "CA"})


class PoolSenderKind(Enum):
    """The kind of a sender in the pool of a Service; its kind on the network is ``SenderKind``."""

    PHONE_NUMBER = "phone_number"
    SHORT_CODE = "short_code"
    ALPHA = "alpha"
    DESTINATION_ALPHA = "destination_alpha"
    CHANNEL = "channel"


class Candidate(msgspec.Struct, frozen=True):
    """A sender of the Service. ``value`` is the address that recipients see, with the prefix of its channel;
    ``country`` is that of a number or short code, and the destination of a destination alpha, empty for every
    country. ``queued`` counts the segments that wait for it, ``last_used`` increases with each use."""

    sid: str
    kind: PoolSenderKind
    value: str
    country: str = ""
    sms: bool = True
    mms: bool = False
    toll_free: bool = False
    queued: int = 0
    last_used: int = 0


class SenderRequest(msgspec.Struct, frozen=True):
    """The message and the settings of the Service for a choice. ``recipient`` is E.164, behind a prefix on a
    channel; ``country`` is its region. ``media`` is true for a message with attachments, ``converts`` if they are
    sent as links in an SMS. ``sticky`` is the SID of the recipient's sticky sender, None if there is none or the
    setting is off."""

    recipient: str
    country: str
    media: bool = False
    converts: bool = False
    area_code_geomatch: bool = True
    sticky: str | None = None
    alpha_countries: AlphaCountries = COUNTRIES

    @property
    def needs_mms(self) -> bool:
        """True if the sender must support MMS."""
        return self.media and not self.converts


class Reason(Enum):
    """The reason of a choice."""

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
    """The sender and the reason; without one the message fails with 21703. ``forget`` is true if the recipient's
    sticky sender can serve no longer. While the setting is on, the chosen one must be stored (doc)."""

    sender: Candidate | None
    reason: Reason
    forget: bool = False


def choose_sender(candidates: Sequence[Candidate], request: SenderRequest) -> Choice:
    """Return the choice among the Service's senders. The caller checks whether its queue is full: the shortest was
    chosen."""
    usable = [one for one in candidates if _reaches(one, request)]
    kept = _kept(usable, request)
    if kept is not None:
        return Choice(kept, Reason.STICKY)
    forget = request.sticky is not None
    for reason, tier in _tiers(usable, request):
        if tier:
            return Choice(min(tier, key=_turn), reason, forget)
    return Choice(None, Reason.NONE, forget)


def _turn(one: Candidate) -> tuple[int, int, str]:
    return one.queued, one.last_used, one.sid


def _kept(usable: Iterable[Candidate], request: SenderRequest) -> Candidate | None:
    """Return the recipient's sticky sender, unless it is gone, or is a number of another country while there is now
    a number or short code of the recipient's own (doc)."""
    kept = next((one for one in usable if one.sid == request.sticky), None)
    if kept is None or kept.kind is not PoolSenderKind.PHONE_NUMBER or _at_home(kept, request):
        return kept
    superseded = any(
        one.kind is PoolSenderKind.SHORT_CODE
        or (one.kind is PoolSenderKind.PHONE_NUMBER and _at_home(one, request))
        for one in usable
    )
    return None if superseded else kept


def _reaches(one: Candidate, request: SenderRequest) -> bool:
    """Return whether a sender can carry the message and may send to the recipient's country."""
    channel = channel_of(request.recipient)
    if channel is not Channel.SMS or one.kind is PoolSenderKind.CHANNEL:
        return one.kind is PoolSenderKind.CHANNEL and channel_of(one.value) is channel
    if one.kind in (PoolSenderKind.ALPHA, PoolSenderKind.DESTINATION_ALPHA):
        refused = request.alpha_countries.support(request.country) is AlphaSupport.REFUSED
        return not request.needs_mms and not refused and one.country in ("", request.country)
    if not (one.mms if request.needs_mms else one.sms):
        return False
    if one.kind is PoolSenderKind.SHORT_CODE:
        return one.country == request.country
    return request.country not in NORTH_AMERICA or one.country in NORTH_AMERICA


def _at_home(one: Candidate, request: SenderRequest) -> bool:
    """Return whether a number is of the recipient's country; toll-free ones of North America are of both countries
    there."""
    if one.toll_free and request.country in NORTH_AMERICA:
        return one.country in NORTH_AMERICA
    return one.country == request.country


def _tiers(usable: Sequence[Candidate], request: SenderRequest) -> Iterator[tuple[Reason, list[Candidate]]]:
    """Return the usable senders by priority; each tier with the reason for choosing from it."""

    def of(kind: PoolSenderKind, fits: Callable[[Candidate], bool] = lambda _: True) -> list[Candidate]:
        return [one for one in usable if one.kind is kind and fits(one)]

    yield Reason.CHANNEL, of(PoolSenderKind.CHANNEL)
    yield Reason.SHORT_CODE, of(PoolSenderKind.SHORT_CODE)
    yield Reason.DESTINATION_ALPHA, of(PoolSenderKind.DESTINATION_ALPHA, lambda one: one.country != "")
    yield Reason.ALPHA, of(PoolSenderKind.DESTINATION_ALPHA) + of(PoolSenderKind.ALPHA)
    numbers = of(PoolSenderKind.PHONE_NUMBER)
    at_home = [one for one in numbers if _at_home(one, request)]
    if request.country == "CA":
        yield Reason.TOLL_FREE, [one for one in at_home if one.toll_free]
    if request.country in NORTH_AMERICA and request.area_code_geomatch:
        area = area_code_of(request.recipient)
        near = [(same_area(area, area_code_of(one.value)), one) for one in at_home]
        yield Reason.AREA_CODE, [one for nearness, one in near if nearness is Nearness.SAME]
        yield Reason.OVERLAY, [one for nearness, one in near if nearness is Nearness.OVERLAY]
    yield Reason.COUNTRY, at_home
    if request.country in NORTH_AMERICA:
        yield Reason.NORTH_AMERICA, numbers
    yield Reason.UNITED_STATES, [one for one in numbers if one.country == "US"]
    yield Reason.ANY, numbers
