"""Alphanumeric senders: how they are written, and which countries take them. Pure."""

from __future__ import annotations

import re
from enum import Enum

import msgspec

_WRITTEN = re.compile(r"[A-Za-z0-9 +\-_&]{1,11}")
_LETTER = re.compile(r"[A-Za-z]")

GENERIC = frozenset({"sms", "info", "verify", "notice", "alert", "test", "message", "inbox", "infosms"})
"""Names that say nothing about who sends, in small letters; networks block them. The first two are the vendor's
examples (doc), the others common (inferred)."""


class Welcome(Enum):
    """How a country takes alphanumeric senders."""

    FREE = "free"
    REGISTERED = "registered"
    """Networks block what was not registered with them: 30018."""
    REFUSED = "refused"


class Countries(msgspec.Struct, frozen=True):
    """The countries that refuse alphanumeric senders, and those that want them registered; all others take them."""

    refusing: frozenset[str]
    registering: frozenset[str]

    def welcome(self, country: str) -> Welcome:
        """How ``country``, an ISO code, takes alphanumeric senders. One that is unknown, and so empty, takes them."""
        if country in self.refusing:
            return Welcome.REFUSED
        return Welcome.REGISTERED if country in self.registering else Welcome.FREE


_REFUSING = "US CA AR BE BR CL CN CO CR DO EC GT HN HU KR MX MY NI NZ PA PR SV UY VE ZA"
_REGISTERING = "AE AU EG GB ID IN JO KE KW LK OM PH QA RU SA SG TH TR VN"

COUNTRIES = Countries(frozenset(_REFUSING.split()), frozenset(_REGISTERING.split()))
"""What holds unless the operator says otherwise: the United States and Canada as documented, the rest inferred."""


def is_alpha(text: str) -> bool:
    """Whether ``text`` can be an alphanumeric sender: 1 to 11 letters, digits, spaces and ``+ - _ &``, with at least
    one letter (doc), and no space at its ends (inferred)."""
    return bool(_WRITTEN.fullmatch(text) and _LETTER.search(text)) and text == text.strip()


def is_generic(text: str) -> bool:
    """Whether an alphanumeric sender is one that is refused because it says nothing: 21212 (doc)."""
    return text.strip().lower() in GENERIC
