"""Sender selection: the cases of the contract, and random Services against an independent model."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.products.messaging.senders.alpha_rules import AlphaCountries
from trunkline.products.messaging.senders.sender_choice import (
    NO_SENDER,
    Candidate,
    Choice,
    PoolSenderKind,
    Reason,
    SenderRequest,
    choose_sender,
)
from unit.products.messaging.senders.choice_model import best

TO_US = SenderRequest("+14155550100", "US")
TO_CA = SenderRequest("+14165550100", "CA")
TO_GB = SenderRequest("+447400123456", "GB")
TO_FR = SenderRequest("+33612345678", "FR")


def number(value: str, country: str, **more: object) -> Candidate:
    """Return a number; its value names it."""
    return msgspec.convert(
        {"sid": value, "kind": "phone_number", "value": value, "country": country, **more}, Candidate
    )


def short(value: str, country: str, *, mms: bool = False) -> Candidate:
    """Return a short code."""
    return Candidate(value, PoolSenderKind.SHORT_CODE, value, country, mms=mms)


SF = number("+14155550000", "US", mms=True)
SF_OVERLAY = number("+16285550000", "US", mms=True)
NY = number("+12125550000", "US", mms=True)
TORONTO = number("+14165550000", "CA", mms=True)
TOLL_FREE = number("+18885550000", "US", toll_free=True)
LONDON = number("+447400000001", "GB")
PARIS = number("+33612000000", "FR")
BERLIN = number("+4915112345678", "DE")
SHORT_US = short("62345", "US", mms=True)
SHORT_GB = short("60777", "GB")
ALPHA = Candidate("AI1", PoolSenderKind.ALPHA, "Acme")
ALPHA_FR = Candidate("AI2", PoolSenderKind.DESTINATION_ALPHA, "Acme FR", "FR")
ALPHA_ANY = Candidate("AI3", PoolSenderKind.DESTINATION_ALPHA, "Acme Any")
WHATSAPP = Candidate("XE1", PoolSenderKind.CHANNEL, "whatsapp:+14155550000")
MESSENGER = Candidate("XE2", PoolSenderKind.CHANNEL, "messenger:123")
RCS = Candidate("XE3", PoolSenderKind.CHANNEL, "rcs:acme_agent")

CASES = [
    ("the only number", TO_US, [SF], SF, Reason.AREA_CODE),
    ("nobody", TO_US, [], None, Reason.NONE),
    # Kinds by priority.
    ("short code first", TO_US, [SF, SHORT_US, ALPHA], SHORT_US, Reason.SHORT_CODE),
    ("short code of another country", TO_US, [SF, SHORT_GB], SF, Reason.AREA_CODE),
    ("only a short code of another country", TO_US, [SHORT_GB], None, Reason.NONE),
    ("alpha before numbers", TO_FR, [PARIS, ALPHA], ALPHA, Reason.ALPHA),
    ("short code before alpha", TO_GB, [ALPHA, SHORT_GB, LONDON], SHORT_GB, Reason.SHORT_CODE),
    ("alpha of the destination", TO_FR, [ALPHA, ALPHA_FR, ALPHA_ANY], ALPHA_FR, Reason.DESTINATION_ALPHA),
    ("alpha of another destination", TO_GB, [ALPHA_FR, LONDON], LONDON, Reason.COUNTRY),
    ("alpha for any destination", TO_GB, [ALPHA_FR, ALPHA_ANY], ALPHA_ANY, Reason.ALPHA),
    ("never an alpha in the US", TO_US, [ALPHA, ALPHA_ANY, NY], NY, Reason.COUNTRY),
    ("only an alpha in the US", TO_US, [ALPHA], None, Reason.NONE),
    # Countries.
    ("the recipient's country", TO_GB, [SF, BERLIN, LONDON], LONDON, Reason.COUNTRY),
    ("abroad rather from the US", TO_GB, [BERLIN, SF], SF, Reason.UNITED_STATES),
    ("abroad from anywhere", TO_GB, [BERLIN], BERLIN, Reason.ANY),
    ("the US from abroad", TO_US, [LONDON, BERLIN], None, Reason.NONE),
    ("Canada from abroad", TO_CA, [LONDON], None, Reason.NONE),
    ("the US from Canada", TO_US, [TORONTO, LONDON], TORONTO, Reason.NORTH_AMERICA),
    ("Canada from the US", TO_CA, [SF, LONDON], SF, Reason.NORTH_AMERICA),
    ("toll-free first in Canada", TO_CA, [TORONTO, TOLL_FREE], TOLL_FREE, Reason.TOLL_FREE),
    ("toll-free not first in the US", TO_US, [TOLL_FREE, SF], SF, Reason.AREA_CODE),
    ("toll-free like others in the US", TO_US, [NY, TOLL_FREE], NY, Reason.COUNTRY),
    # Areas.
    ("same area code", TO_US, [NY, SF_OVERLAY, SF], SF, Reason.AREA_CODE),
    ("same area", TO_US, [NY, SF_OVERLAY], SF_OVERLAY, Reason.OVERLAY),
    ("other area", TO_US, [NY], NY, Reason.COUNTRY),
    # Channels.
    (
        "a channel",
        SenderRequest("whatsapp:+14155550100", "US"),
        [SF, MESSENGER, WHATSAPP],
        WHATSAPP,
        Reason.CHANNEL,
    ),
    ("RCS", SenderRequest("rcs:+14155550100", "US"), [SHORT_US, WHATSAPP, RCS], RCS, Reason.CHANNEL),
    ("messenger", SenderRequest("messenger:9", ""), [WHATSAPP, MESSENGER], MESSENGER, Reason.CHANNEL),
    (
        "a channel without sender",
        SenderRequest("whatsapp:+14155550100", "US"),
        [SF, MESSENGER],
        None,
        Reason.NONE,
    ),
    ("no channel for a number", TO_US, [WHATSAPP, RCS], None, Reason.NONE),
]


@pytest.mark.parametrize(
    ("need", "pool", "sender", "reason"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_cases(need: SenderRequest, pool: list[Candidate], sender: Candidate | None, reason: Reason) -> None:
    assert choose_sender(pool, need) == choose_sender(pool[::-1], need) == Choice(sender, reason)


def test_without_geomatch_areas_do_not_matter() -> None:
    need = msgspec.structs.replace(TO_US, area_code_geomatch=False)
    busy = msgspec.structs.replace(SF, queued=1)
    assert choose_sender([busy, NY], need) == Choice(NY, Reason.COUNTRY)
    # The country does.
    assert choose_sender([TORONTO, busy], need).sender == busy


def test_the_code_of_a_message_without_sender() -> None:
    assert NO_SENDER == 21703


def test_countries_that_refuse_alphas_are_the_operators() -> None:
    need = msgspec.structs.replace(TO_FR, alpha_countries=AlphaCountries(frozenset({"FR"}), frozenset()))
    assert choose_sender([ALPHA, ALPHA_FR, PARIS], need).sender == PARIS


def test_media_need_a_sender_for_mms() -> None:
    media = msgspec.structs.replace(TO_US, media=True)
    plain = msgspec.structs.replace(SF, mms=False)
    assert choose_sender([plain, short("62345", "US"), NY], media).sender == NY
    assert choose_sender([plain, TOLL_FREE], media) == Choice(None, Reason.NONE)
    assert choose_sender([SHORT_US, NY], media).sender == SHORT_US
    assert choose_sender([ALPHA, LONDON], msgspec.structs.replace(TO_GB, media=True)).sender is None


def test_media_that_are_converted_need_a_sender_for_sms() -> None:
    converted = msgspec.structs.replace(TO_FR, media=True, converts=True)
    assert choose_sender([ALPHA, PARIS], converted).sender == ALPHA
    assert choose_sender([msgspec.structs.replace(PARIS, sms=False, mms=True)], converted).sender is None


def test_without_media_a_sender_for_mms_only_will_not_do() -> None:
    assert choose_sender([msgspec.structs.replace(SF, sms=False)], TO_US).sender is None


def test_the_shortest_queue_and_then_the_longest_unused() -> None:
    pool = [
        number("+14155550001", "US", queued=2, last_used=1),
        number("+14155550002", "US", queued=1, last_used=9),
        number("+14155550003", "US", queued=1, last_used=8),
        number("+14155550004", "US", queued=1, last_used=8),
        number("+12125550005", "US"),
    ]
    assert choose_sender(pool, TO_US).sender == pool[2]
    assert choose_sender(pool[::-1], TO_US).sender == pool[2]


def test_round_robin_uses_all() -> None:
    pool = [number(f"+1415555000{place}", "US") for place in range(4)]
    used = []
    for turn in range(1, 13):
        sender = choose_sender(pool, TO_US).sender
        assert sender is not None
        used.append(sender.sid)
        pool = [msgspec.structs.replace(one, last_used=turn) if one == sender else one for one in pool]
    assert used == sorted(set(used)) * 3


def kept(need: SenderRequest, sender: Candidate, *others: Candidate) -> Choice:
    """Return the choice when ``sender`` served the recipient before."""
    return choose_sender([*others, sender], msgspec.structs.replace(need, sticky=sender.sid))


def test_sticky_keeps_a_worse_sender() -> None:
    busy = msgspec.structs.replace(NY, queued=100)
    assert kept(TO_US, busy, SF, SHORT_US) == Choice(busy, Reason.STICKY)
    assert kept(TO_FR, PARIS, ALPHA, ALPHA_FR) == Choice(PARIS, Reason.STICKY)


@pytest.mark.parametrize("sender", [ALPHA, ALPHA_ANY, LONDON])
def test_sticky_survives_other_kinds(sender: Candidate) -> None:
    assert kept(TO_GB, sender, SHORT_GB, number("+447400000009", "GB")) == Choice(sender, Reason.STICKY)


def test_sticky_to_a_short_code_survives() -> None:
    assert kept(TO_GB, SHORT_GB, LONDON, ALPHA) == Choice(SHORT_GB, Reason.STICKY)


def test_sticky_to_a_foreign_number_is_superseded_by_a_native_sender() -> None:
    assert kept(TO_GB, SF, BERLIN, ALPHA) == Choice(SF, Reason.STICKY)
    assert kept(TO_GB, SF, LONDON) == Choice(LONDON, Reason.COUNTRY, forget=True)
    assert kept(TO_GB, SF, SHORT_GB) == Choice(SHORT_GB, Reason.SHORT_CODE, forget=True)
    assert kept(TO_CA, SF, TOLL_FREE) == Choice(TOLL_FREE, Reason.TOLL_FREE, forget=True)
    # A native number that cannot carry the message changes nothing.
    media = msgspec.structs.replace(TO_GB, media=True)
    assert kept(media, SF, LONDON) == Choice(SF, Reason.STICKY)


def test_sticky_is_forgotten_with_its_sender() -> None:
    need = msgspec.structs.replace(TO_US, sticky="PN-gone")
    assert choose_sender([SF], need) == Choice(SF, Reason.AREA_CODE, forget=True)
    assert choose_sender([], need) == Choice(None, Reason.NONE, forget=True)


def test_sticky_is_forgotten_when_the_sender_cannot_reach_the_recipient() -> None:
    assert kept(TO_US, LONDON, NY) == Choice(NY, Reason.COUNTRY, forget=True)
    assert kept(msgspec.structs.replace(TO_US, media=True), TOLL_FREE, NY).sender == NY


def test_channels_are_sticky_too() -> None:
    other = msgspec.structs.replace(WHATSAPP, sid="XE0", value="whatsapp:+447400000001")
    assert kept(SenderRequest("whatsapp:+14155550100", "US"), WHATSAPP, other) == Choice(
        WHATSAPP, Reason.STICKY
    )


COUNTRIES = ("US", "CA", "GB", "FR", "DE")
RECIPIENTS = [
    TO_US,
    TO_CA,
    TO_GB,
    TO_FR,
    SenderRequest("+12125550100", "US"),
    SenderRequest("whatsapp:+14155550100", "US"),
]
VALUES = ["+14155550000", "+16285550000", "+12125550000", "+14165550000", "+16475550000", "+18885550000"]
OPTIONS = {"queued": st.integers(0, 2), "last_used": st.integers(0, 2)}
TOLL_FREE_VALUE = VALUES[-1]

NUMBERS = st.builds(
    lambda value, country, **more: Candidate(
        "",
        PoolSenderKind.PHONE_NUMBER,
        value,
        country or ("CA" if value[2:5] in ("416", "647") else "US"),
        toll_free=value == TOLL_FREE_VALUE,
        **more,
    ),
    st.sampled_from(VALUES),
    st.just(""),
    sms=st.booleans(),
    mms=st.booleans(),
    **OPTIONS,
) | st.builds(
    lambda country, **more: Candidate("", PoolSenderKind.PHONE_NUMBER, "+447400000000", country, **more),
    st.sampled_from(["GB", "FR", "DE"]),
    sms=st.booleans(),
    mms=st.booleans(),
    **OPTIONS,
)
OTHERS = st.builds(
    Candidate,
    st.just(""),
    st.just(PoolSenderKind.SHORT_CODE),
    st.just("62345"),
    st.sampled_from(COUNTRIES),
    mms=st.booleans(),
    **OPTIONS,
) | st.sampled_from([ALPHA, ALPHA_FR, ALPHA_ANY, WHATSAPP, MESSENGER])
POOLS = st.lists(NUMBERS | OTHERS, max_size=7).map(
    lambda pool: [msgspec.structs.replace(one, sid=f"S{place}") for place, one in enumerate(pool)]
)
WISHES = st.builds(
    lambda need, **more: msgspec.structs.replace(need, **more),
    st.sampled_from(RECIPIENTS),
    media=st.booleans(),
    converts=st.booleans(),
    area_code_geomatch=st.booleans(),
    sticky=st.none() | st.sampled_from(["S0", "S1", "S2", "S9"]),
)


@settings(max_examples=500, deadline=None)
@given(POOLS, WISHES)
def test_services_agree_with_the_model(pool: list[Candidate], need: SenderRequest) -> None:
    chosen = choose_sender(pool, need)
    assert (chosen.sender.sid if chosen.sender else None) == best(pool, need)
    assert (chosen.sender is None) == (chosen.reason is Reason.NONE)
    assert chosen.forget == (need.sticky is not None and chosen.reason is not Reason.STICKY)
