"""Alphanumeric senders: their form, and the countries that accept them. Pure."""

from __future__ import annotations

import re
from enum import Enum

import msgspec

_WRITTEN = re.compile(r"[A-Za-z0-9 +\-_&]{1,11}")
_LETTER = re.compile(r"[A-Za-z]")

GENERIC = frozenset({"sms", "info", "verify", "notice", "alert", "test", "message", "inbox", "infosms"})
"""Names that do not identify their sender, in lower case; networks block them. The first two are the vendor's
examples (doc), the others common (inferred)."""


class AlphaSupport(Enum):
    """The support of a country for alphanumeric senders."""

    FREE = "free"
    REGISTERED = "registered"
    """Networks block senders that were not registered with them: 30018."""
    REFUSED = "refused"


class AlphaCountries(msgspec.Struct, frozen=True):
    """The countries that reject alphanumeric senders, and those that require their registration; all others accept
    them."""

    refusing: frozenset[str]
    registering: frozenset[str]

    def support(self, country: str) -> AlphaSupport:
        """Return the support of ``country``, an ISO code. An unknown one, which is empty, accepts alphanumeric
        senders."""
        if country in self.refusing:
            return AlphaSupport.REFUSED
        return AlphaSupport.REGISTERED if country in self.registering else AlphaSupport.FREE


_REFUSING = "US CA AR BE BR CL CN CO CR DO EC GT HN HU KR MX MY NI NZ PA PR SV UY VE ZA"
_REGISTERING = "AE AU EG GB ID IN JO KE KW LK OM PH QA RU SA SG TH TR VN"

COUNTRIES = AlphaCountries(frozenset(_REFUSING.split()), frozenset(_REGISTERING.split()))
"""The default: the United States and Canada as documented, the rest inferred."""


def is_alpha(text: str) -> bool:
    """Return whether ``text`` can be an alphanumeric sender: 1 to 11 letters, digits, spaces and ``+ - _ &``, with
    at least one letter (doc), and no space at its ends (inferred)."""
    return bool(_WRITTEN.fullmatch(text) and _LETTER.search(text)) and text == text.strip()


def is_generic(text: str) -> bool:
    """Return whether an alphanumeric sender is rejected because it does not identify its sender: 21212 (doc)."""
    return text.strip().lower() in GENERIC
