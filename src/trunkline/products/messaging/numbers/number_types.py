"""Types of numbers, and the likely capabilities of a number of which only the digits are given. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trunkline.products.messaging.numbers.parsing import AddressKind, Channel, Recipient


class NumberType(StrEnum):
    """The type of a number of the inventory; the values are also the ``type`` in the API."""

    LOCAL = "local"
    MOBILE = "mobile"
    TOLL_FREE = "toll-free"
    NATIONAL = "national"
    SHORT_CODE = "short-code"
    CHANNEL = "channel"
    """An address of another channel, such as ``whatsapp:+14155550110``."""

    @property
    def prefix(self) -> str:
        """The prefix of its SIDs."""
        return {NumberType.SHORT_CODE: "SC", NumberType.CHANNEL: "XE"}.get(self, "PN")


class Capabilities(msgspec.Struct, frozen=True):
    """The capabilities of a number."""

    sms: bool
    mms: bool
    voice: bool


_KINDS = {
    AddressKind.MOBILE: NumberType.MOBILE,
    AddressKind.LANDLINE: NumberType.LOCAL,
    AddressKind.MOBILE_OR_LANDLINE: NumberType.LOCAL,
    AddressKind.TOLL_FREE: NumberType.TOLL_FREE,
    AddressKind.SHORT_CODE: NumberType.SHORT_CODE,
}


def type_of(address: Recipient) -> NumberType:
    """Return the type of an address."""
    if address.channel is not Channel.SMS:
        return NumberType.CHANNEL
    return _KINDS.get(address.kind, NumberType.NATIONAL)


def country_of(address: Recipient) -> str:
    """Return the ISO code of its country; a short code, whose digits do not show it, counts as one of the United
    States."""
    return "US" if address.kind is AddressKind.SHORT_CODE else address.region


def capabilities_of(kind: NumberType, country: str) -> Capabilities:
    """Return the common capabilities of numbers of this type: SMS everywhere, MMS in the United States and Canada
    only (doc)."""
    if kind is NumberType.CHANNEL:
        return Capabilities(sms=True, mms=True, voice=False)
    if kind is NumberType.SHORT_CODE:
        return Capabilities(sms=True, mms=False, voice=False)
    return Capabilities(sms=True, mms=country in ("US", "CA"), voice=True)
