"""The parser of the addresses of messages: telephone numbers, short codes, and addresses of other channels. Pure.

The library with the world's numbering plans is loaded with the first number that is parsed, not at the start.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_CACHED = 16_384
"""Addresses that are cached, about 5 MB; parsing one takes some 50 us."""

_MAX_LENGTH = 64
_NUMBER = re.compile(r"\+?[0-9 ().\-\u00a0]+", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,6}")
_ID = re.compile(r"[A-Za-z0-9._\-]+")
_NORTH_AMERICA = re.compile(r"\+1([0-9]{3})[0-9]{7}")
_WHOLE_NORTH_AMERICAN = re.compile(r"\+1[2-9][0-9]{9}")
_AREA_CODE_COUNTRIES = ("US", "CA")


class Channel(Enum):
    """The network of a message; the values are the prefixes of addresses, without the colon."""

    SMS = ""
    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    RCS = "rcs"


class AddressKind(Enum):
    """The kind of an address by its digits; the type of a number of the inventory is ``NumberType``. The plan of North
    America does not distinguish landlines from mobiles (doc)."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    MOBILE_OR_LANDLINE = "mobile-or-landline"
    TOLL_FREE = "toll-free"
    OTHER = "other"
    """Personal, paging, shared-cost and similar numbers, and those of no known kind."""
    SHORT_CODE = "short-code"
    ID = "id"
    """A name or number that only its channel resolves."""


class Recipient(msgspec.Struct, frozen=True):
    """A parsed address. ``address`` is its form everywhere: E.164, a short code, or either of them or an id behind
    the prefix of its channel. ``region`` is the ISO code of the country, empty if none is known. ``valid`` is true
    if the numbering plan has the number; one that is only possible, like +1 555 555 5555, has the right length."""

    address: str
    region: str
    kind: AddressKind
    channel: Channel = Channel.SMS
    valid: bool = True

    @property
    def number(self) -> str:
        """The address without the prefix of its channel."""
        return self.address.removeprefix(f"{self.channel.value}:")


def parse_recipient(text: str, region: str = "US") -> Recipient | None:
    """Return the address of ``text``, or None if it is none. A number without a plus sign is of ``region``, so that
    the forms of ten digits that are usual in the United States and Canada are accepted (doc); 3 to 6 digits are a
    short code (inferred). Behind ``whatsapp:`` there is a number, behind ``messenger:`` an id, behind ``rcs:``
    either."""
    return _parse(text, region) if len(text) <= _MAX_LENGTH else None


@lru_cache(_CACHED)
def _parse(text: str, region: str) -> Recipient | None:
    channel, rest = _split_channel(text.strip())
    number = _read(rest, region) if channel is not Channel.MESSENGER else None
    if channel is Channel.SMS:
        return number
    if number is not None and number.kind is not AddressKind.SHORT_CODE:
        return msgspec.structs.replace(number, address=f"{channel.value}:{number.address}", channel=channel)
    if channel is Channel.WHATSAPP or not _ID.fullmatch(rest):
        return None
    return Recipient(f"{channel.value}:{rest}", "", AddressKind.ID, channel)


def region_of(number: str) -> str:
    """Return the ISO code of the country of a number in E.164, with or without the prefix of a channel; empty if
    none is known, as for short codes."""
    found = parse_recipient(number)
    return found.region if found is not None else ""


def area_code_of(number: str) -> str | None:
    """Return the area code of a number of the United States or Canada in E.164; None for all others."""
    found = _NORTH_AMERICA.fullmatch(number)
    return found[1] if found and region_of(number) in _AREA_CODE_COUNTRIES else None


def channel_of(address: str) -> Channel:
    """Return the channel of the prefix of ``address``."""
    return _split_channel(address.strip())[0]


def _split_channel(text: str) -> tuple[Channel, str]:
    prefix, colon, rest = text.partition(":")
    if colon:
        for channel in (Channel.WHATSAPP, Channel.MESSENGER, Channel.RCS):
            if prefix.lower() == channel.value:
                return channel, rest.strip()
    return Channel.SMS, text


def _read(text: str, region: str) -> Recipient | None:
    if _SHORT_CODE.fullmatch(text):
        return Recipient(text, "", AddressKind.SHORT_CODE)
    if not _NUMBER.fullmatch(text):
        return None
    import phonenumbers

    try:
        number = _parsed(text, region)
    except phonenumbers.NumberParseException:
        return None
    # Numbers that can be dialled only within their area are possible too, for the library.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    found = phonenumbers.number_type(number)
    return Recipient(
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        _region(number),
        _kind(found),
        # The same as is_valid_number, which would search the country once more.
        valid=found != phonenumbers.PhoneNumberType.UNKNOWN,
    )


def _parsed(text: str, region: str) -> PhoneNumber:
    import phonenumbers

    if _WHOLE_NORTH_AMERICAN.fullmatch(text):
        # What the library makes of it, too, in many times as long.
        return phonenumbers.PhoneNumber(country_code=1, national_number=int(text[2:]))
    return phonenumbers.parse(text, region)


def _region(number: PhoneNumber) -> str:
    """Return the number's country, or the main country of its code if the plan does not have the number. Some
    codes, like 800, have no country."""
    import phonenumbers

    found = phonenumbers.region_code_for_number(number)
    region = found or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region.isalpha() and region != "ZZ" else ""


def _kind(found: int) -> AddressKind:
    from phonenumbers import PhoneNumberType

    kinds = {
        PhoneNumberType.MOBILE: AddressKind.MOBILE,
        PhoneNumberType.FIXED_LINE: AddressKind.LANDLINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE: AddressKind.MOBILE_OR_LANDLINE,
        PhoneNumberType.TOLL_FREE: AddressKind.TOLL_FREE,
    }
    return kinds.get(found, AddressKind.OTHER)
