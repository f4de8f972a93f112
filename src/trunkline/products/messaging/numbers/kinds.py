"""Kinds of numbers, and what is likely of a number that is only known by its digits. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trunkline.products.messaging.numbers.parsing import Channel, NumberKind, Recipient


class Kind(StrEnum):
    """What a number of the inventory is; the values are also the ``type`` of the API's answers."""

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
        return {Kind.SHORT_CODE: "SC", Kind.CHANNEL: "XE"}.get(self, "PN")


class Abilities(msgspec.Struct, frozen=True):
    """What a number can do."""

    sms: bool
    mms: bool
    voice: bool


_KINDS = {
    NumberKind.MOBILE: Kind.MOBILE,
    NumberKind.LANDLINE: Kind.LOCAL,
    NumberKind.MOBILE_OR_LANDLINE: Kind.LOCAL,
    NumberKind.TOLL_FREE: Kind.TOLL_FREE,
    NumberKind.SHORT_CODE: Kind.SHORT_CODE,
}


def kind_of(address: Recipient) -> Kind:
    """The kind of an address."""
    if address.channel is not Channel.SMS:
        return Kind.CHANNEL
    return _KINDS.get(address.kind, Kind.NATIONAL)


def country_of(address: Recipient) -> str:
    """The ISO code of its country; a short code, whose digits do not tell, is taken for one of the United States."""
    return "US" if address.kind is NumberKind.SHORT_CODE else address.region


def abilities_of(kind: Kind, country: str) -> Abilities:
    """What numbers of this kind commonly can do: SMS everywhere, MMS in the United States and Canada only (doc)."""
    if kind is Kind.CHANNEL:
        return Abilities(sms=True, mms=True, voice=False)
    if kind is Kind.SHORT_CODE:
        return Abilities(sms=True, mms=False, voice=False)
    return Abilities(sms=True, mms=country in ("US", "CA"), voice=True)
