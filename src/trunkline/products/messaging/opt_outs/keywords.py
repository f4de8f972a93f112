"""Opt-out keywords: STOP, START and HELP, by default and under Advanced Opt-Out, and their replies. Pure.

1. A keyword is the whole message, trimmed, in any case, and one word: ``STOP PLEASE`` is none (doc). Characters without
   a width, which phones and programs add unseen, do not count, nor does the width of letters.
2. Without Advanced Opt-Out every sender has the default keywords and replies (doc).
3. With it a Service has sets of keywords: the standard sets, in any number of languages, and sets of countries,
   which are searched first; a word that the sets of the author's country lack is searched in the standard sets
   (doc).
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

import msgspec

MAX_REPLY = 320
"""Characters of the reply to a keyword (doc)."""

MAX_KEYWORD = 255
"""Characters of a keyword (inferred)."""


class KeywordKind(StrEnum):
    """The effect of a keyword; also the values of ``OptOutType``."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


WORDS = {
    KeywordKind.STOP: ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
    KeywordKind.START: ("START", "YES", "UNSTOP"),
    KeywordKind.HELP: ("HELP", "INFO"),
}
"""The default keywords (doc)."""

REPLIES = {
    KeywordKind.STOP: "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe.",
    KeywordKind.START: "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    KeywordKind.HELP: "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
"""The default replies (doc)."""

RESERVED = {KeywordKind.STOP: ("STOP",), KeywordKind.START: ("START", "UNSTOP"), KeywordKind.HELP: ("HELP",)}
"""Keywords that a Service can neither omit nor give another meaning (doc)."""

_MAX_WRITTEN = 4 * MAX_KEYWORD
"""Characters of a text that may be a keyword among others that do not count."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
"""Characters that Unicode has for nobody to see, and those that stand for something that could not be read."""
_BLANKS = " \t\n\r\f\v\x85\u1680\u2028\u2029\u2800"
"""White space, as it is after its normalization, and a sign of Braille without dots."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_KIND_OF_RESERVED = {word.casefold(): kind for kind, words in RESERVED.items() for word in words}


class KeywordSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keywords of a kind in a language, with their reply; an empty ``reply`` is none. ``language`` is like
    ``es`` or ``pt-BR``; ``country``, like ``MX``, is that of the authors for whom the set is, and empty in the
    standard sets."""

    kind: KeywordKind
    keywords: tuple[str, ...]
    reply: str
    language: str = "en"
    country: str = ""


class KeywordMatch(msgspec.Struct, frozen=True):
    """The meaning of a message that is a keyword, and its reply."""

    kind: KeywordKind
    reply: str
    language: str = "en"


class KeywordError(ValueError):
    """The error for sets of a Service that break a rule; its text contains the set and the rule."""


STANDARD = tuple(KeywordSet(kind, words, REPLIES[kind]) for kind, words in WORDS.items())
"""The sets of a Service when Advanced Opt-Out is enabled."""


def find_keyword(
    body: str, sets: tuple[KeywordSet, ...] = STANDARD, country: str = ""
) -> KeywordMatch | None:
    """Return the meaning of ``body`` from an author in ``country``, which is empty if it is unknown; None if it is
    no keyword. Without Advanced Opt-Out, omit ``sets``."""
    word = _plain(body)
    for place in (country, "") if country else ("",):
        for one in sets:
            if one.country == place and any(_plain_keyword(keyword) == word for keyword in one.keywords):
                return KeywordMatch(one.kind, one.reply, one.language)
    return None


def gets_reply(kind: KeywordKind, *, opted_out: bool) -> bool:
    """Return whether a keyword is replied to, by whether its author was opted out before it: STOP only the first
    time (inferred), START only after a STOP (inferred), HELP never after a STOP (doc)."""
    return opted_out if kind is KeywordKind.START else not opted_out


def check_keyword_sets(sets: tuple[KeywordSet, ...]) -> None:
    """Raise KeywordError for the first rule that the sets of a Service break."""
    seen = set()
    for one in sets:
        _check_one(one)
        identity = (one.kind, one.language, one.country)
        if identity in seen:
            raise KeywordError(f"{_name(one)}: there are two sets of this kind and language")
        seen.add(identity)
    for country in {one.country for one in sets}:
        _check_unique(tuple(one for one in sets if one.country == country))
    standard = {_plain(word) for one in sets if not one.country for word in one.keywords}
    for word in _KIND_OF_RESERVED:
        if word not in standard:
            raise KeywordError(f"the standard sets must have the reserved keyword {word.upper()}")


def _check_one(one: KeywordSet) -> None:
    if not _LANGUAGE.fullmatch(one.language):
        raise KeywordError(f"{_name(one)}: the language must be like es or pt-BR")
    if one.country and not _COUNTRY.fullmatch(one.country):
        raise KeywordError(f"{_name(one)}: the country must be two capital letters, or empty")
    if len(one.reply) > MAX_REPLY:
        raise KeywordError(f"{_name(one)}: the reply has {len(one.reply)} characters, at most {MAX_REPLY}")
    if not one.keywords:
        raise KeywordError(f"{_name(one)}: there is no keyword")
    for word in one.keywords:
        if len(word.split()) != 1 or len(word) > MAX_KEYWORD or not _plain(word):
            raise KeywordError(
                f"{_name(one)}: {word[:40]!r} is not one word of at most {MAX_KEYWORD} characters"
            )
        if _KIND_OF_RESERVED.get(_plain(word), one.kind) is not one.kind:
            raise KeywordError(f"{_name(one)}: {word!r} is reserved for {_KIND_OF_RESERVED[_plain(word)]}")


def _check_unique(sets: tuple[KeywordSet, ...]) -> None:
    """Check that a keyword has one kind and one language in one country, or in the standard sets (doc for the
    language)."""
    owners: dict[str, KeywordSet] = {}
    for one in sets:
        for word in one.keywords:
            owner = owners.setdefault(_plain(word), one)
            if owner is not one:
                raise KeywordError(f"{_name(one)}: {word!r} is a keyword of {_name(owner)} already")


def _plain(word: str) -> str:
    if len(word) > _MAX_WRITTEN:
        return word
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", word)).strip(_BLANKS).casefold()


_plain_keyword = lru_cache(4096)(_plain)
"""The same for keywords, of which there are few."""


def _name(one: KeywordSet) -> str:
    """Return the name of a set for errors, like ``STOP.es`` or ``STOP.es in MX``."""
    return f"{one.kind}.{one.language}" + (f" in {one.country}" if one.country else "")
