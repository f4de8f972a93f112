"""The interface of carriers: handing a message over, its outcomes, and the events that a carrier reports. Pure.

1. A carrier never drops and never repeats a message silently: ``submit`` returns the outcome of every segment.
2. Segments that the network accepted are named by their ids; a later ``submit`` of the same message sends the others.
3. Ids are canonical: the carrier converts the id of a response and the id of its receipt to one form, so that they are
   equal texts whatever the network writes.
4. An event is acknowledged to the network only once the listener's call has returned, because then it is durable; if
   the call raises, the network is requested to send it again. It may come twice.
5. A message belongs to a node for as long as its lease holds. Before each segment or request, after every wait for its
   turn or a connection, the carrier calls ``holds`` of the submission. Without the lease it sends nothing more and
   returns a Deferral with the ids that it has, as ``lease_ended`` makes it.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Protocol

import msgspec

from trunkline.core.leases import Holds, always


class SenderKind(Enum):
    """The kind of a sender's address."""

    NUMBER = "number"
    """E.164 with its plus sign."""
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


class Encoding(Enum):
    """The alphabet of a text over the air."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


class MediaAddress(msgspec.Struct, frozen=True):
    """An attachment of a message, as an address that the network can fetch."""

    url: str
    content_type: str


class Submission(msgspec.Struct, frozen=True):
    """A message to hand over. ``recipient`` is E.164; ``segments`` are the texts of its segments, each of which fits
    one SMS in ``encoding``; ``accepted_ids`` are the ids of the segments that the network accepted before, in their
    order: empty for one that it did not accept in front of one that it did, and none behind the last. ``tries`` counts
    the hand-overs that were used up. ``valid_for`` is in seconds. ``reference`` is the concatenation reference, 0 to
    255, a counter per sender and recipient. ``holds`` returns whether the message is still the caller's to send."""

    message_sid: str
    account_sid: str
    sender: str
    sender_kind: SenderKind
    recipient: str
    encoding: Encoding
    segments: tuple[str, ...]
    reference: int = 0
    media: tuple[MediaAddress, ...] = ()
    accepted_ids: tuple[str, ...] = ()
    valid_for: float | None = None
    tries: int = 0
    holds: Holds = always


class Acceptance(msgspec.Struct, frozen=True):
    """The network accepted every segment. ``ids`` has one id a segment; ``final`` if the carrier will send no
    receipts."""

    ids: tuple[str, ...]
    final: bool = False


class Rejection(msgspec.Struct, frozen=True):
    """The network rejects the message for good. ``error_code`` is the API's; ``ids`` of segments accepted before."""

    error_code: int
    reason: str
    ids: tuple[str, ...] = ()


class Deferral(msgspec.Struct, frozen=True):
    """The message may be handed over again after ``after`` seconds. ``error_code`` is for when it is given up; ``ids``
    of the segments that were accepted. ``counts`` if this used up one of the message's tries: a lost connection does
    not, a busy network does."""

    after: float
    reason: str
    error_code: int = 30008
    ids: tuple[str, ...] = ()
    counts: bool = True


def lease_ended(ids: tuple[str, ...]) -> Deferral:
    """Return the outcome of a message that is not sent, or not as a whole, because its lease ended."""
    return Deferral(0.0, "the lease ended before it was sent", ids=ids, counts=False)


class UnknownOutcome(msgspec.Struct, frozen=True):
    """The response to the segment behind ``ids`` never came: the network may have it or not. ``resend`` is the
    operator's choice for the route: hand it over again, perhaps twice, or give the message up."""

    reason: str
    ids: tuple[str, ...] = ()
    resend: bool = True


Outcome = Acceptance | Rejection | Deferral | UnknownOutcome


class ReceiptState(Enum):
    """The state of a segment in a receipt."""

    ENROUTE = "enroute"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


class Receipt(msgspec.Struct, frozen=True):
    """A delivery receipt for the segment that ``carrier`` accepted as ``id``, or as one of ``other_ids`` where the
    network's ids contradict each other. ``error_code`` is the API's, for an undelivered segment; ``done_date`` is
    ``YYMMDDhhmm`` or empty; ``text`` is the network's, for the log."""

    carrier: str
    id: str
    state: ReceiptState
    error_code: int | None = None
    done_date: str = ""
    text: str = ""
    other_ids: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that it may be for, the most probable first."""
        return (self.id, *self.other_ids)


class CarrierProblem(msgspec.Struct, frozen=True):
    """A problem of a carrier that its operator has to mend. ``number`` is the one of ours that it concerns, as the
    network wrote it, and empty if it concerns all."""

    carrier: str
    text: str
    number: str = ""


MAX_MEDIA = 30
"""Attachments of a message from a phone."""


class InboundMedia(msgspec.Struct, frozen=True):
    """An attachment that came with a message; its type is a media type without parameters. JSON has the content in
    base64. The content is whole in memory, since a gateway reports a message as one JSON text; the limit on that text,
    8 MiB, bounds it."""

    content_type: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.+-]{1,100}/[A-Za-z0-9_.+-]{1,100}\Z")]
    content: bytes


class InboundMessage(msgspec.Struct, frozen=True):
    """A message that a phone sent. ``recipient`` is one of our numbers as the network wrote it, E.164 where that could
    be derived; ``segments`` is their number (``parts`` in JSON); ``missing`` if some of them never came. ``id`` is the
    same if the network sends it twice, and empty without a means to detect that. ``message_sid`` is the SID of its
    Message where the carrier shows it, else empty."""

    carrier: str
    sender: str
    recipient: str
    text: str
    segments: int = msgspec.field(default=1, name="parts")
    missing: bool = False
    media: tuple[InboundMedia, ...] = ()
    id: str = ""
    message_sid: str = ""


class CarrierListener(Protocol):
    """The listener to a carrier's events. Each call returns once its effect is durable, and raises if it cannot be."""

    async def receipt(self, receipt: Receipt) -> None:
        """Record the state of a segment."""
        ...

    async def awaits(self, receipt: Receipt, phone: str, number: str) -> bool:
        """Return whether a message from a number of ours to a phone, both as the network wrote them, is on its way and
        has a segment with one of the receipt's ids."""
        ...

    async def inbound(self, inbound: InboundMessage) -> bool:
        """Accept a message from a phone. Return False if there is no Message of it, since its number has no owner, or
        one that drops it; a message that came before is accepted once more."""
        ...

    async def problem(self, problem: CarrierProblem) -> None:
        """Raise an Alert for a problem, unless there was one of this carrier just now."""
        ...


class Carrier(Protocol):
    """A way to the phones."""

    @property
    def name(self) -> str:
        """The name in the configuration, unique."""
        ...

    def carries_media(self, recipient: str) -> bool:
        """Return whether messages with media to this recipient may be handed over."""
        ...

    @property
    def carries_channels(self) -> bool:
        """True if messages on other channels than SMS, such as ``whatsapp:``, may be handed over."""
        ...

    @property
    def ready(self) -> bool:
        """True if messages can be handed over now."""
        ...

    @property
    def resends_unknown(self) -> bool:
        """True if a message whose node died while it was handed over is handed over again, as the operator chose."""
        ...

    def shown(self) -> dict[str, Any]:
        """Return its state for the operator, as JSON, without secrets."""
        ...

    async def start(self, listener: CarrierListener) -> None:
        """Start to connect, and return at once. Its events go to ``listener``."""
        ...

    async def stop(self) -> None:
        """Disconnect within 5 s; messages in flight end as unknown or deferred."""
        ...

    async def submit(self, submission: Submission) -> Outcome:
        """Hand a message over, and return the outcome within the carrier's response time; never raise.

        Messages are sent in the order of the calls, any number of which may be in flight.
        """
        ...


class Carriers(Protocol):
    """The carriers of a node."""

    @property
    def all(self) -> list[Carrier]:
        """The carriers, in the configuration's order."""
        ...

    def route(self, sender: str, recipient: str, preferred: str) -> Carrier | None:
        """Return the carrier for a message: the one that ``preferred`` names, or that of the operator's routes; None
        if there is none."""
        ...
