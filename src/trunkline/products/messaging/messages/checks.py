"""What a message must be to be accepted, without looking at what is stored. Pure; each refusal has its code (doc).

The order of the checks is inferred: recipient, sender, content, its size, what sender and recipient are to each other.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.products.messaging.messages.parameters import CreateMessage
from trunkline.products.messaging.numbers.owned import Owned
from trunkline.products.messaging.numbers.parsing import Channel, NumberKind, Recipient, parse_recipient
from trunkline.products.messaging.policy import Rules
from trunkline.products.messaging.senders.alpha import COUNTRIES, Welcome, is_alpha, is_generic

MAX_BODY = 1600
"""Characters of a text, however many segments they make (doc)."""

MAX_MEDIA = 10
"""Attachments of a message (doc)."""

_NORTH_AMERICA = ("US", "CA")
_PLACELESS = ("short-code", "channel")


class Named(Enum):
    """As what a sender was named."""

    ADDRESS = "address"
    ALPHA = "alpha"


class Sender(msgspec.Struct, frozen=True):
    """A sender that was named: an address of ours, or an alphanumeric text, which nobody owns."""

    named: Named
    value: str
    channel: Channel = Channel.SMS


def check_recipient(asked: CreateMessage, rules: Rules) -> Recipient:
    """The recipient. Raises ApiError 21604, 21211, 21265, 21635."""
    if asked.to is UNSET or asked.to is None:
        raise ApiError(21604)
    found = parse_recipient(asked.to)
    if found is None or not found.valid:
        raise ApiError(21211, f"Invalid 'To' Phone Number: {asked.to[:64]}")
    if found.kind is NumberKind.SHORT_CODE:
        raise ApiError(21265)
    landline = found.kind is NumberKind.LANDLINE and found.channel is Channel.SMS
    if landline and rules.refuse_landlines and asked.force_delivery is not True:
        raise ApiError(21635)
    return found


def check_sender(asked: CreateMessage, to: Recipient, rules: Rules) -> Sender | None:
    """The sender, when one was named. Raises ApiError 21603, 21212, 21266, 21657, 21910."""
    if not isinstance(asked.sender, str):
        if not isinstance(asked.messaging_service_sid, str):
            raise ApiError(21603)
        return None
    sender = read_sender(asked.sender, rules)
    if sender.channel is not to.channel:
        raise ApiError(21910)
    if sender.value == to.address:
        raise ApiError(21266)
    if sender.named is Named.ALPHA and COUNTRIES.welcome(to.region) is Welcome.REFUSED:
        raise ApiError(21657)
    return sender


def read_sender(text: str, rules: Rules) -> Sender:
    """What a text names as a sender. Raises ApiError 21212."""
    found = parse_recipient(text)
    if found is not None:
        return Sender(Named.ADDRESS, found.address, found.channel)
    if not is_alpha(text) or is_generic(text) or text.lower() in rules.blocked_senders:
        raise ApiError(21212, f"Invalid 'From': {text[:64]}")
    return Sender(Named.ALPHA, text)


def check_content(asked: CreateMessage) -> None:
    """Raises ApiError 21619 without content, 21654 to 21656 for templates, of which there are none, 21617 and 21623
    for too much of it, 20001 for short links without a Service."""
    if isinstance(asked.content_variables, str):
        _check_variables(asked.content_variables, asked.content_sid)
    if isinstance(asked.content_sid, str):
        raise ApiError(21655)
    if not asked.body and not asked.media_url:
        raise ApiError(21619)
    if asked.body is not UNSET and len(asked.body) > MAX_BODY:
        raise ApiError(21617)
    if asked.media_url and len(asked.media_url) > MAX_MEDIA:
        raise ApiError(21623)
    if asked.shorten_urls is True and not isinstance(asked.messaging_service_sid, str):
        raise invalid("ShortenUrls", "needs a MessagingServiceSid")


def _check_variables(variables: str, content_sid: object) -> None:
    if not isinstance(content_sid, str):
        raise ApiError(21654)
    try:
        decoded = msgspec.json.decode(variables)
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        raise ApiError(21656)


def is_mms(asked: CreateMessage) -> bool:
    """Whether the message is an MMS: its SID begins with MM (doc)."""
    return bool(asked.media_url) or asked.send_as_mms is True


def check_owned(owned: Owned, to: Recipient, *, mms: bool, converts: bool = False) -> None:
    """What a sender of ours that is named must be able to do; an MMS that its Service ``converts`` needs SMS only.
    Raises ApiError 21659 for a short code of another country, 21661, 21621, and 21612 where networks do not carry its
    messages (doc)."""
    if to.channel is not Channel.SMS:
        return
    if owned.kind == "short-code" and owned.country != to.region:
        raise ApiError(21659)
    if not owned.sms and not (mms and owned.mms):
        raise ApiError(21661)
    if mms and not owned.mms and not converts:
        raise ApiError(21621)
    foreign = owned.country not in _NORTH_AMERICA and owned.kind not in _PLACELESS
    if foreign and to.region in _NORTH_AMERICA:
        raise ApiError(21612)


def check_country(to: Recipient, rules: Rules) -> None:
    """Raises ApiError 21408 for a country that the operator does not allow."""
    if rules.countries and to.region and to.region not in rules.countries:
        raise ApiError(21408, details={"to_country": to.region})
