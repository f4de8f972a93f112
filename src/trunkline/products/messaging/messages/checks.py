"""The checks of a message that need no stored data; each error has its code (doc).

The order of the checks is inferred: recipient, sender, content, its size, the relation of sender and recipient.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.products.messaging.messages.parameters import CreateMessage
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber
from trunkline.products.messaging.numbers.parsing import AddressKind, Channel, Recipient, parse_recipient
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.senders.alpha_rules import COUNTRIES, AlphaSupport, is_alpha, is_generic

MAX_BODY = 1600
"""Characters of a text, however many segments they make (doc)."""

MAX_MEDIA = 10
"""Attachments of a message (doc)."""

_NORTH_AMERICA = ("US", "CA")
_PLACELESS = ("short-code", "channel")


class SenderForm(Enum):
    """The form in which a sender was named."""

    ADDRESS = "address"
    ALPHA = "alpha"


class RequestedSender(msgspec.Struct, frozen=True):
    """A sender of a request: an owned address, or an alphanumeric text, which has no owner."""

    named: SenderForm
    value: str
    channel: Channel = Channel.SMS


def check_recipient(params: CreateMessage, rules: MessageRules) -> Recipient:
    """Return the recipient. Raise ApiError 21604, 21211, 21265 or 21635 if it is missing or cannot be sent to."""
    if params.to is UNSET or params.to is None:
        raise ApiError(21604)
    found = parse_recipient(params.to)
    if found is None or not found.valid:
        raise ApiError(21211, f"Invalid 'To' Phone Number: {params.to[:64]}")
    if found.kind is AddressKind.SHORT_CODE:
        raise ApiError(21265)
    landline = found.kind is AddressKind.LANDLINE and found.channel is Channel.SMS
    if landline and rules.refuse_landlines and params.force_delivery is not True:
        raise ApiError(21635)
    return found


def check_sender(params: CreateMessage, to: Recipient, rules: MessageRules) -> RequestedSender | None:
    """Return the sender of a request that names one. Raise ApiError 21603, 21212, 21266, 21657 or 21910 if it
    cannot send."""
    if not isinstance(params.sender, str):
        if not isinstance(params.messaging_service_sid, str):
            raise ApiError(21603)
        return None
    sender = read_sender(params.sender, rules)
    if sender.channel is not to.channel:
        raise ApiError(21910)
    if sender.value == to.address:
        raise ApiError(21266)
    if sender.named is SenderForm.ALPHA and COUNTRIES.support(to.region) is AlphaSupport.REFUSED:
        raise ApiError(21657)
    return sender


def read_sender(text: str, rules: MessageRules) -> RequestedSender:
    """Return the sender for a text. Raise ApiError 21212 if it is none."""
    found = parse_recipient(text)
    if found is not None:
        return RequestedSender(SenderForm.ADDRESS, found.address, found.channel)
    if not is_alpha(text) or is_generic(text) or text.lower() in rules.blocked_senders:
        raise ApiError(21212, f"Invalid 'From': {text[:64]}")
    return RequestedSender(SenderForm.ALPHA, text)


def check_content(params: CreateMessage) -> None:
    """Raise ApiError 21619 without content, 21654 to 21656 for templates, which do not exist here, 21617 and 21623
    for too much of it, 20001 for short links without a Service."""
    if isinstance(params.content_variables, str):
        _check_variables(params.content_variables, params.content_sid)
    if isinstance(params.content_sid, str):
        raise ApiError(21655)
    if not params.body and not params.media_url:
        raise ApiError(21619)
    if params.body is not UNSET and len(params.body) > MAX_BODY:
        raise ApiError(21617)
    if params.media_url and len(params.media_url) > MAX_MEDIA:
        raise ApiError(21623)
    if params.shorten_urls is True and not isinstance(params.messaging_service_sid, str):
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


def is_mms(params: CreateMessage) -> bool:
    """Return whether the message is an MMS: its SID begins with MM (doc)."""
    return bool(params.media_url) or params.send_as_mms is True


def check_owned(owned: OwnedNumber, to: Recipient, *, mms: bool, converts: bool = False) -> None:
    """Check the capabilities of an owned sender that was named; an MMS that its Service ``converts`` needs SMS
    only. Raise ApiError 21659 for a short code of another country, 21661, 21621, and 21612 if networks do not carry
    its messages (doc)."""
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


def check_country(to: Recipient, rules: MessageRules) -> None:
    """Raise ApiError 21408 for a country that the operator does not allow."""
    if rules.countries and to.region and to.region not in rules.countries:
        raise ApiError(21408, details={"to_country": to.region})
