"""Opt-out keywords: what STOP, START and HELP are, by default and under Advanced Opt-Out, and the answers. Pure.

1. A keyword is the whole message, trimmed, in letters of any size, and one word: ``STOP PLEASE`` is none (doc).
2. Without Advanced Opt-Out everybody has the default words and answers (doc).
3. With it a Service has sets of keywords: the standard sets, in any number of languages, and sets of countries, which
   are looked up first; a word that the sets of a person's country do not have is looked up in the standard ones (doc).
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

MAX_REPLY = 320
"""Characters of an answer to a keyword (doc)."""

MAX_KEYWORD = 255
"""Characters of a keyword (inferred)."""


class Kind(StrEnum):
    """What a keyword does; also the values of ``OptOutType``."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


WORDS = {
    Kind.STOP: ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
    Kind.START: ("START", "YES", "UNSTOP"),
    Kind.HELP: ("HELP", "INFO"),
}
"""The default keywords (doc)."""

REPLIES = {
    Kind.STOP: "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    Kind.START: "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    Kind.HELP: "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
"""The default answers (doc)."""

RESERVED = {Kind.STOP: ("STOP",), Kind.START: ("START", "UNSTOP"), Kind.HELP: ("HELP",)}
"""Keywords that a Service cannot do without, nor give another meaning (doc)."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_KIND_OF_RESERVED = {word.casefold(): kind for kind, words in RESERVED.items() for word in words}


class KeywordSet(msgspec.Struct, frozen=True):
    """The keywords of a kind in a language, and what is answered to them; an empty ``reply`` is no answer. ``language``
    is like ``es`` or ``pt-BR``; ``country`` is that of the people whom the set is for, like ``MX``, and empty in the
    standard sets."""

    kind: Kind
    keywords: tuple[str, ...]
    reply: str
    language: str = "en"
    country: str = ""


class Found(msgspec.Struct, frozen=True):
    """The meaning of a message that is a keyword, and its answer."""

    kind: Kind
    reply: str
    language: str = "en"


class KeywordError(ValueError):
    """The sets of a Service break a rule; the text says where and which."""


STANDARD = tuple(KeywordSet(kind, words, REPLIES[kind]) for kind, words in WORDS.items())
"""What a Service has when Advanced Opt-Out is switched on."""


def find_keyword(body: str, sets: tuple[KeywordSet, ...] = STANDARD, country: str = "") -> Found | None:
    """What ``body`` means to somebody in ``country``, which is empty where that is unknown; None when it is no
    keyword. Without Advanced Opt-Out, ``sets`` is left out."""
    word = _plain(body)
    for place in (country, "") if country else ("",):
        for one in sets:
            if one.country == place and any(_plain(keyword) == word for keyword in one.keywords):
                return Found(one.kind, one.reply, one.language)
    return None


def is_answered(kind: Kind, *, opted_out: bool) -> bool:
    """Whether a keyword is answered to somebody who was, or was not, opted out before it: STOP only the first time
    (inferred), START only after a STOP (inferred), HELP never after a STOP (doc)."""
    return opted_out if kind is Kind.START else not opted_out


def check(sets: tuple[KeywordSet, ...]) -> None:
    """Raises KeywordError for the first rule that the sets of a Service break."""
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
        if len(word.split()) != 1 or len(word) > MAX_KEYWORD:
            raise KeywordError(
                f"{_name(one)}: {word[:40]!r} is not one word of at most {MAX_KEYWORD} characters"
            )
        if _KIND_OF_RESERVED.get(_plain(word), one.kind) is not one.kind:
            raise KeywordError(f"{_name(one)}: {word!r} is reserved for {_KIND_OF_RESERVED[_plain(word)]}")


def _check_unique(sets: tuple[KeywordSet, ...]) -> None:
    """In one country, or in the standard sets, a keyword has one kind and one language (doc for the language)."""
    owners: dict[str, KeywordSet] = {}
    for one in sets:
        for word in one.keywords:
            owner = owners.setdefault(_plain(word), one)
            if owner is not one:
                raise KeywordError(f"{_name(one)}: {word!r} is a keyword of {_name(owner)} already")


def _plain(word: str) -> str:
    return word.strip().casefold()


def _name(one: KeywordSet) -> str:
    """How errors call a set, like ``STOP.es`` or ``STOP.es in MX``."""
    return f"{one.kind}.{one.language}" + (f" in {one.country}" if one.country else "")
