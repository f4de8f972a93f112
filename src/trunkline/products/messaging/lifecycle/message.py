"""What a message is: its row, its states, and the options that it was created with."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.transports.base import Encoding


class Status(StrEnum):
    """The states of a message (doc). ``accepted`` and ``scheduled`` are for messages through a Service only."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    CANCELED = "canceled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVING = "receiving"
    RECEIVED = "received"
    READ = "read"


FINISHED = frozenset(
    {
        Status.SENT,
        Status.DELIVERED,
        Status.UNDELIVERED,
        Status.FAILED,
        Status.RECEIVED,
        Status.READ,
        Status.CANCELED,
    }
)
"""States in which a message may be redacted and deleted (inferred)."""

TERMINAL = FINISHED - {Status.SENT}
"""States that no receipt changes any more."""


class Direction(StrEnum):
    """Who a message comes from (doc)."""

    INBOUND = "inbound"
    API = "outbound-api"
    REPLY = "outbound-reply"


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message was asked to be, besides its columns. ``media_urls`` are fetched when it is sent;
    ``validity_period`` is in seconds; ``send_at`` in microseconds since 1970 UTC; ``automatic`` marks an answer to
    a keyword, which neither opt-outs nor the loop guard hold up; ``sent_body`` is the text on the air where it is
    not the body, ``encoding`` its alphabet, None until the message has a sender, and ``cuts`` the places at which
    it is divided into segments; ``as_sms`` marks an MMS that goes as a text with links; ``stored`` holds parameters
    that have no effect on SMS."""

    media_urls: tuple[str, ...] = ()
    validity_period: int | None = None
    send_at: int | None = None
    smart_encoded: bool | None = None
    shorten_urls: bool = False
    send_as_mms: bool = False
    provide_feedback: bool = False
    discard_content: bool = False
    obfuscate_address: bool = False
    automatic: bool = False
    sent_body: str | None = None
    encoding: Encoding | None = None
    cuts: tuple[int, ...] = ()
    as_sms: bool = False
    stored: dict[str, str] = {}


_decode_options = msgspec.json.Decoder(Options).decode


def encode_options(options: Options) -> str:
    """Return the options as the row stores them."""
    return msgspec.json.encode(options).decode()


class Message(Row, frozen=True):
    """A row of ``messages``. ``sender`` is None until one is chosen; ``options`` is JSON of ``Options``."""

    sid: str
    account_sid: str
    date_created: int
    date_updated: int
    date_sent: int | None
    direction: str
    status: str
    sender: str | None
    recipient: str
    body: str
    service_sid: str | None = None
    num_media: int = 0
    num_segments: int = 0
    error_code: int | None = None
    price: str | None = None
    price_unit: str = "USD"
    tags: str | None = None
    status_callback: str | None = None
    callback_method: str = "POST"
    application_sid: str | None = None
    options: str = "{}"

    @property
    def asked(self) -> Options:
        """The options, decoded."""
        return _decode_options(self.options)


async def find_message(tx: Tx, account_sid: str, sid: str) -> Message | None:
    """The account's message with this SID."""
    return await tx.one(
        Message,
        f"SELECT {columns(Message)} FROM messages WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=account_sid,
        sid=sid,
    )


def shown_recipient(message: Message) -> str:
    """The recipient as answers and callbacks show it: with its last four digits masked when the message was created
    with ``AddressRetention=obfuscate`` (inferred)."""
    if not message.asked.obfuscate_address:
        return message.recipient
    return message.recipient[:-4] + "XXXX"
