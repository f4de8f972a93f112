"""Opt-out keywords: the defaults, Advanced Opt-Out, and its rules."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.products.messaging.opt_outs.keywords import (
    MAX_KEYWORD,
    MAX_REPLY,
    REPLIES,
    STANDARD,
    WORDS,
    KeywordError,
    KeywordKind,
    KeywordSet,
    check_keyword_sets,
    find_keyword,
    gets_reply,
)

STOP, START, HELP = KeywordKind.STOP, KeywordKind.START, KeywordKind.HELP
BAJA = KeywordSet(STOP, ("BAJA", "Cancelar"), "Adiós", "es")
ALTA = KeywordSet(START, ("ALTA",), "Hola", "es")
MEXICO = KeywordSet(STOP, ("PARAR", "STOP"), "Adiós, México", "es", "MX")
SETS = (*STANDARD, BAJA, ALTA, MEXICO)


def kind_of(body: str) -> KeywordKind | None:
    """Return the default meaning of ``body``."""
    found = find_keyword(body)
    return found.kind if found else None


@pytest.mark.parametrize(("kind", "word"), [(kind, word) for kind, words in WORDS.items() for word in words])
def test_default_keywords(kind: KeywordKind, word: str) -> None:
    for body in (word, word.lower(), word.title(), f"  {word}\r\n"):
        found = find_keyword(body)
        assert found is not None
        assert (found.kind, found.reply) == (kind, REPLIES[kind])


@pytest.mark.parametrize(
    "body",
    [
        "\ufeffSTOP",
        "STOP\ufeff",
        "\u200bSTOP\u200b",
        "\u200eSTOP\u200f",
        "ST\u00adOP",
        "\u2066STOP\u2069",
        "STOP\ufe0f",
        "\u00a0STOP\u3000",
        "\u2028STOP\u2029",
        "\u2800STOP\u3164",
        "STOP\x00\x1f\x85",
        "STOP\ufffd",
        "\ufffcSTOP",
        "ＳＴＯＰ",
        "ｓｔｏｐ\u3000",
        " \t\v\f\r\n\u2003stop\u202f\u205f\u1680",
        "STOP" + "\u200b" * 900,
    ],
)
def test_what_nobody_sees_around_a_keyword_does_not_count(body: str) -> None:
    assert kind_of(body) is STOP


def test_a_keyword_must_be_seen() -> None:
    with pytest.raises(KeywordError):
        check_keyword_sets((*STANDARD, KeywordSet(STOP, ("\u200b",), "", "es")))
    for body in ("", "\u200b", "\ufeff", "a" * 2_000):
        assert kind_of(body) is None


@pytest.mark.parametrize(
    "body", ["", " ", "STOP PLEASE", "STOP.", "please stop", "STOPP", "S TOP", "BAJA", "😀"]
)
def test_other_texts_are_no_keywords(body: str) -> None:
    assert find_keyword(body) is None


@pytest.mark.parametrize(
    "word", ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"]
)
def test_words_of_stop(word: str) -> None:
    assert kind_of(word) is STOP


@pytest.mark.parametrize(
    ("word", "kind"), [("start", START), ("yes", START), ("unstop", START), ("info", HELP)]
)
def test_words_of_start_and_help(word: str, kind: KeywordKind) -> None:
    assert kind_of(word) is kind


@pytest.mark.parametrize(
    ("kind", "opted_out", "answered"),
    [
        (STOP, False, True),
        (STOP, True, False),
        (START, False, False),
        (START, True, True),
        (HELP, False, True),
        (HELP, True, False),
    ],
)
def test_what_is_answered(kind: KeywordKind, opted_out: bool, answered: bool) -> None:
    assert gets_reply(kind, opted_out=opted_out) is answered


@pytest.mark.parametrize(
    ("body", "country", "kind", "reply"),
    [
        ("baja", "US", STOP, "Adiós"),
        ("CANCELAR ", "", STOP, "Adiós"),
        ("alta", "MX", START, "Hola"),
        ("Parar", "MX", STOP, "Adiós, México"),
        ("stop", "MX", STOP, "Adiós, México"),
        ("stop", "US", STOP, REPLIES[STOP]),
        ("quit", "MX", STOP, REPLIES[STOP]),
        ("help", "MX", HELP, REPLIES[HELP]),
    ],
)
def test_advanced_lookup(body: str, country: str, kind: KeywordKind, reply: str) -> None:
    found = find_keyword(body, SETS, country)
    assert found is not None
    assert (found.kind, found.reply) == (kind, reply)


@pytest.mark.parametrize(("body", "country"), [("parar", "US"), ("parar", ""), ("parar ya", "MX")])
def test_words_of_a_country_mean_nothing_elsewhere(body: str, country: str) -> None:
    assert find_keyword(body, SETS, country) is None


def test_the_language_is_told() -> None:
    found = find_keyword("baja", SETS)
    assert found is not None
    assert found.language == "es"


def test_good_sets_pass() -> None:
    check_keyword_sets(STANDARD)
    check_keyword_sets(SETS)
    check_keyword_sets((*STANDARD, msgspec.structs.replace(MEXICO, reply="")))
    # One word may be of different languages in different countries.
    check_keyword_sets((*SETS, KeywordSet(STOP, ("BAJA",), "", "en", "GB")))
    check_keyword_sets((STANDARD[0], KeywordSet(START, ("start", "Unstop"), "x" * MAX_REPLY), STANDARD[2]))


BAD = [
    ((), "must have the reserved keyword STOP"),
    (STANDARD[1:], "must have the reserved keyword STOP"),
    ((STANDARD[0], KeywordSet(START, ("START",), ""), STANDARD[2]), "must have the reserved keyword UNSTOP"),
    (STANDARD[:2], "must have the reserved keyword HELP"),
    # Having it in a country is not enough.
    ((*STANDARD[1:], MEXICO), "must have the reserved keyword STOP"),
    ((*STANDARD, KeywordSet(HELP, ("stop",), "", "es")), "'stop' is reserved for STOP"),
    ((*STANDARD, KeywordSet(STOP, ("Help",), "", "es", "MX")), "'Help' is reserved for HELP"),
    ((*SETS, KeywordSet(STOP, ("BAJA",), "", "pt")), "STOP.pt: 'BAJA' is a keyword of STOP.es already"),
    ((*SETS, KeywordSet(HELP, ("baja",), "", "es")), "HELP.es: 'baja' is a keyword of STOP.es already"),
    ((*SETS, KeywordSet(START, ("baja",), "", "pt")), "START.pt: 'baja' is a keyword of STOP.es already"),
    ((*SETS, KeywordSet(HELP, ("Parar",), "", "en", "MX")), "is a keyword of STOP.es in MX already"),
    ((*SETS, BAJA), "STOP.es: there are two sets of this kind and language"),
    ((*STANDARD, KeywordSet(STOP, (), "", "es")), "there is no keyword"),
    ((*STANDARD, KeywordSet(STOP, ("DE BAJA",), "", "es")), "'DE BAJA' is not one word"),
    ((*STANDARD, KeywordSet(STOP, (" ",), "", "es")), "is not one word"),
    ((*STANDARD, KeywordSet(STOP, ("x" * (MAX_KEYWORD + 1),), "", "es")), "is not one word"),
    ((*STANDARD, KeywordSet(STOP, ("X",), "y" * (MAX_REPLY + 1), "es")), "321 characters, at most 320"),
    ((*STANDARD, KeywordSet(STOP, ("X",), "", "Spanish")), "the language must be"),
    ((*STANDARD, KeywordSet(STOP, ("X",), "", "es", "mx")), "the country must be"),
]


@pytest.mark.parametrize(("sets", "why"), BAD)
def test_bad_sets_are_refused(sets: tuple[KeywordSet, ...], why: str) -> None:
    with pytest.raises(KeywordError) as refused:
        check_keyword_sets(sets)
    assert why in str(refused.value)


@given(st.text(max_size=20), st.sampled_from(["", "MX", "US"]))
def test_only_a_single_word_is_a_keyword(body: str, country: str) -> None:
    found = find_keyword(body, SETS, country)
    known = {word.casefold() for one in SETS if one.country in ("", country) for word in one.keywords}
    assert (found is not None) == (body.strip().casefold() in known)
