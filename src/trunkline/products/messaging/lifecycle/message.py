"""The row of a message, its states, and the options of its creation."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trunkline.core.storage.account_rows import find_row
from trunkline.core.storage.database import Row, Tx
from trunkline.transports.base import Encoding


class MessageStatus(StrEnum):
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
        MessageStatus.SENT,
        MessageStatus.DELIVERED,
        MessageStatus.UNDELIVERED,
        MessageStatus.FAILED,
        MessageStatus.RECEIVED,
        MessageStatus.READ,
        MessageStatus.CANCELED,
    }
)
"""States in which a message may be redacted and deleted (inferred)."""

TERMINAL = FINISHED - {MessageStatus.SENT}
"""States that no receipt changes."""


class Direction(StrEnum):
    """The origin of a message (doc)."""

    INBOUND = "inbound"
    API = "outbound-api"
    REPLY = "outbound-reply"


class MessageOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """The options of a message besides its columns. ``media_urls`` are fetched when it is sent; ``validity_period``
    is in seconds; ``send_at`` in microseconds since 1970 UTC; ``automatic`` marks a reply to a keyword, which
    neither opt-outs nor the loop guard stop; ``sent_body`` is the text on the air where it differs from the body,
    ``encoding`` its alphabet, None until the message has a sender, and ``cuts`` the places at which it is divided
    into segments; ``as_sms`` marks an MMS that is sent as a text with links; ``stored`` holds parameters without an
    effect on SMS."""

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


_decode_options = msgspec.json.Decoder(MessageOptions).decode


def encode_options(options: MessageOptions) -> str:
    """Return the options as the row stores them."""
    return msgspec.json.encode(options).decode()


class Message(Row, frozen=True):
    """A row of ``messages``. ``sender`` is None until one is chosen; ``options`` is JSON of ``MessageOptions``."""

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
    def parsed_options(self) -> MessageOptions:
        """The options, decoded."""
        return _decode_options(self.options)


async def find_message(tx: Tx, account_sid: str, sid: str) -> Message | None:
    """Return the account's message with this SID."""
    return await find_row(tx, Message, "messages", account_sid, sid)


def visible_recipient(message: Message) -> str:
    """Return the recipient for responses and callbacks: with its last four digits masked if the message was created
    with ``AddressRetention=obfuscate`` (inferred)."""
    if not message.parsed_options.obfuscate_address:
        return message.recipient
    return message.recipient[:-4] + "XXXX"
