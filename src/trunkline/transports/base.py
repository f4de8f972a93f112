"""What a carrier is: how a message is handed to one, how it may end, and what a carrier tells of its own accord.

1. A carrier never drops and never repeats in silence: ``submit`` answers for every part what became of it.
2. Parts that the network took are named by their ids; a later ``submit`` of the same message sends the others only.
3. Ids are canonical: the carrier brings the id of an answer and the id of its receipt to one form, so that they are
   equal texts whatever the network writes.
4. What a carrier tells a ``Receiver`` is acknowledged to the network only once the call has returned, because then it
   is durable; when the call raises, the network is asked to send it again. It may come twice.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Protocol

import msgspec


class SenderKind(Enum):
    """What a sender's address is."""

    NUMBER = "number"
    """E.164 with its plus sign."""
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


class Encoding(Enum):
    """In which alphabet a text goes over the air."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


class MediaLink(msgspec.Struct, frozen=True):
    """An attachment of a message, as an address that the network can fetch."""

    url: str
    content_type: str


class Submission(msgspec.Struct, frozen=True):
    """A message to hand over. ``recipient`` is E.164; ``parts`` are the texts of its segments, each of which fits one
    SMS in ``encoding``; ``taken`` are the ids of the parts that the network took before, in their order: empty for one
    that it did not take in front of one that it did, and none behind the last. ``tries`` counts the hand-overs that
    were used up. ``valid_for`` is in seconds. ``reference`` is the concatenation reference, 0 to 255, a counter per
    sender and recipient."""

    message_sid: str
    account_sid: str
    sender: str
    sender_kind: SenderKind
    recipient: str
    encoding: Encoding
    parts: tuple[str, ...]
    reference: int = 0
    media: tuple[MediaLink, ...] = ()
    taken: tuple[str, ...] = ()
    valid_for: float | None = None
    tries: int = 0


class Submitted(msgspec.Struct, frozen=True):
    """The network took every part. ``ids`` has one id a part; a carrier that will send no receipts says so by
    ``final``."""

    ids: tuple[str, ...]
    final: bool = False


class Rejected(msgspec.Struct, frozen=True):
    """The network refuses the message for good. ``error_code`` is the API's; ``ids`` of the parts it took before."""

    error_code: int
    reason: str
    ids: tuple[str, ...] = ()


class Deferred(msgspec.Struct, frozen=True):
    """Not now: the message may be handed over again after ``after`` seconds. ``error_code`` is what it fails with when
    it is given up; ``ids`` of the parts that were taken. ``counts`` tells whether this used up one of the message's
    tries: a lost link does not, a busy network does."""

    after: float
    reason: str
    error_code: int = 30008
    ids: tuple[str, ...] = ()
    counts: bool = True


class Unknown(msgspec.Struct, frozen=True):
    """The answer to the part behind ``ids`` never came: the network may have it or not. ``resend`` is the operator's
    choice for the route: hand it over again, perhaps twice, or give the message up."""

    reason: str
    ids: tuple[str, ...] = ()
    resend: bool = True


Outcome = Submitted | Rejected | Deferred | Unknown


class ReceiptState(Enum):
    """What a receipt says of a part."""

    ENROUTE = "enroute"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


class Receipt(msgspec.Struct, frozen=True):
    """A delivery receipt for the part that ``carrier`` took as ``id``. ``error_code`` is the API's, for an undelivered
    part; ``done_date`` is ``YYMMDDhhmm`` or empty; ``text`` is what the network wrote, for the log."""

    carrier: str
    id: str
    state: ReceiptState
    error_code: int | None = None
    done_date: str = ""
    text: str = ""


MAX_MEDIA = 30
"""Attachments of a message from a phone."""


class InboundMedia(msgspec.Struct, frozen=True):
    """An attachment that came with a message; its type is a media type without parameters. JSON has the content in
    base64."""

    content_type: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.+-]{1,100}/[A-Za-z0-9_.+-]{1,100}\Z")]
    content: bytes


class Inbound(msgspec.Struct, frozen=True):
    """A message that a phone sent. ``recipient`` is one of our numbers as the network wrote it, E.164 where it could
    be told; ``parts`` counts its segments; ``missing`` tells that some of them never came. ``id`` is the same when the
    network sends it twice, and empty where nothing tells."""

    carrier: str
    sender: str
    recipient: str
    text: str
    parts: int = 1
    missing: bool = False
    media: tuple[InboundMedia, ...] = ()
    id: str = ""


class Receiver(Protocol):
    """Who hears what carriers tell. Each call returns when its effect is durable, and raises when it cannot be."""

    async def receipt(self, receipt: Receipt) -> None:
        """A part's state."""
        ...

    async def inbound(self, inbound: Inbound) -> None:
        """A message from a phone."""
        ...


class Carrier(Protocol):
    """A way to the phones."""

    @property
    def name(self) -> str:
        """Its name in the configuration, unique."""
        ...

    def carries_media(self, recipient: str) -> bool:
        """Whether messages with media to this recipient may be handed over."""
        ...

    @property
    def carries_channels(self) -> bool:
        """Whether messages on other channels than SMS, such as ``whatsapp:``, may be handed over."""
        ...

    @property
    def ready(self) -> bool:
        """Whether messages can be handed over now."""
        ...

    @property
    def resends_unknown(self) -> bool:
        """What the operator chose for a message whose node died while it was handed over: again, or given up."""
        ...

    def shown(self) -> dict[str, Any]:
        """Its state for the operator, as JSON, without secrets."""
        ...

    async def start(self, receiver: Receiver) -> None:
        """Begin to connect; returns at once. What it hears goes to ``receiver``."""
        ...

    async def stop(self) -> None:
        """Say good-bye and close, within 5 s; what is under way ends as unknown or deferred."""
        ...

    async def submit(self, submission: Submission) -> Outcome:
        """Hand a message over. Calls are sent in the order in which they were made; any number may be under way. It
        never raises and ends within the carrier's response time."""
        ...


class Carriers(Protocol):
    """The carriers of a node."""

    @property
    def all(self) -> list[Carrier]:
        """Every carrier, in the configuration's order."""
        ...

    def route(self, sender: str, recipient: str, preferred: str) -> Carrier | None:
        """The carrier for a message: the one that ``preferred`` names, or what the operator's routes say; None when
        there is none."""
        ...
