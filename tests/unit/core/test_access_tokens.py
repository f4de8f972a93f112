"""The rules of access tokens that need nothing stored, against tokens of the SDK and of PyJWT."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant, SyncGrant, VoiceGrant

from trunkline.core import access_tokens
from trunkline.core.access_tokens import GrantClaim, GrantName, InvalidToken, Rule, Token

KEY, ACCOUNT, SECRET = "SK" + "1" * 32, "AC" + "2" * 32, "s" * 32
SYNC, CHAT = "IS" + "3" * 32, "IS" + "4" * 32
NOW = 1_735_689_600
DAY = 24 * 3600
HEADER = {"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"}


def broken_rule(action: Callable[[], Any]) -> Rule:
    """Return the rule that is broken."""
    with pytest.raises(InvalidToken) as caught:
        action()
    assert SECRET not in str(caught.value)
    return caught.value.rule


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def made(payload: dict[str, Any], header: dict[str, Any] | None = None) -> Token:
    """Return a token with this header and payload; nobody signed it."""
    return access_tokens.parse(f"{encoded(HEADER if header is None else header)}.{encoded(payload)}.c2ln")


def of_sdk(*grants: Any, **options: Any) -> str:
    """Return a token that the SDK made."""
    options = {"identity": "alice", "nbf": NOW, "valid_until": NOW + 3600, **options}
    text = AccessToken(ACCOUNT, KEY, SECRET, list(grants), **options).to_jwt()
    assert isinstance(text, str)
    return text


def test_a_token_of_the_sdk_keeps_all_rules() -> None:
    text = of_sdk(
        SyncGrant(SYNC), ChatGrant(CHAT, "phone", "RL1", "CR1"), VoiceGrant(), region="ie1", identity="Zoë"
    )
    token = access_tokens.parse(text)
    access_tokens.check_header(token)
    assert access_tokens.issuer(token) == (KEY, ACCOUNT)
    access_tokens.check_signature(token, SECRET)
    assert access_tokens.check_times(token, NOW * access_tokens.SECOND) == (NOW + 3600) * access_tokens.SECOND
    assert access_tokens.identity(token) == "Zoë"
    assert access_tokens.claims(token, GrantName.DATA_SYNC) == {
        GrantName.DATA_SYNC: GrantClaim(SYNC),
        GrantName.CHAT: GrantClaim(CHAT, "phone", "RL1", "CR1"),
    }


def test_codes_and_texts_are_the_vendor_s() -> None:
    assert {rule.name: (rule.code, rule.connection_code) for rule in Rule} == {
        "FORM": (20101, 20101),
        "HEADER": (20102, 20102),
        "ISSUER": (20103, 20103),
        "SIGNATURE": (20107, 20107),
        "EXPIRY": (20104, 20104),
        "LIFETIME": (20157, 51121),
        "NOT_BEFORE": (20105, 20105),
        "GRANTS": (20106, 20106),
        "SERVICE": (51101, 51101),
        "PRODUCT": (51106, 51106),
    }
    assert str(InvalidToken(Rule.FORM, "why")) == "20101 Invalid Access Token: why"


OBJECT = encoded({})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "a.b",
        f"{OBJECT}.{OBJECT}",
        f"{OBJECT}.{OBJECT}.x.y",
        f".{OBJECT}.x",
        f"{OBJECT}..x",
        f" {OBJECT}.{OBJECT}.c2ln",
        f"{OBJECT}.{OBJECT}.c2ln\n",
        f"{OBJECT}=.{OBJECT}.c2ln",
        f"{OBJECT}.{OBJECT}.c2+n",
        f"{OBJECT}.{OBJECT}.c2ln\u0661",
        f"{OBJECT}.{OBJECT}.abcde",
        f"{OBJECT}.a.c2ln",
        f"{OBJECT}.{encoded([])}.c2ln",
        f"{encoded('x')}.{OBJECT}.c2ln",
        f"{OBJECT}.{encoded(b'{')}.c2ln",
        f"{OBJECT}.{encoded(bytes([0xFF]))}.c2ln",
        f"{OBJECT}.{encoded(b'{' + bytes([34, 0xFF, 34]) + b':1}')}.c2ln",
        f"{OBJECT}.{encoded(b'[' * 12_000)}.c2ln",
        f"{OBJECT}.{encoded({'x': 'y' * access_tokens.MAX_LENGTH})}.c2ln",
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert broken_rule(lambda: access_tokens.parse(text)) is Rule.FORM


@pytest.mark.parametrize(
    "change",
    [
        {"typ": None},
        {"typ": "jwt"},
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "RS256"},
        {"alg": "ES256"},
        {"alg": "hs256"},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": {}},
        {"cty": None},
        {"cty": "twilio-fpa;v=2"},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
    ],
    ids=str,
)
def test_another_header_is_refused(change: dict[str, Any]) -> None:
    assert broken_rule(lambda: access_tokens.check_header(made({}, {**HEADER, **change}))) is Rule.HEADER


@pytest.mark.parametrize("name", HEADER)
def test_a_header_that_misses_something_is_refused(name: str) -> None:
    less = {key: value for key, value in HEADER.items() if key != name}
    assert broken_rule(lambda: access_tokens.check_header(made({}, less))) is Rule.HEADER


def test_a_token_that_nobody_signed_is_refused_for_its_header() -> None:
    text = jwt.encode({"iss": KEY}, None, algorithm="none", headers={"cty": HEADER["cty"]})  # type: ignore[arg-type]
    assert text.endswith(".")
    assert broken_rule(lambda: access_tokens.check_header(access_tokens.parse(text))) is Rule.HEADER


@pytest.mark.parametrize("claim", ["iss", "sub"])
@pytest.mark.parametrize("value", [None, "", 5, [KEY], "SK1", "AC" + "1" * 33, KEY + "\0", "PN" + "1" * 32])
def test_an_issuer_or_subject_that_is_no_sid_is_refused(claim: str, value: Any) -> None:
    payload = {"iss": KEY, "sub": ACCOUNT, claim: value}
    assert broken_rule(lambda: access_tokens.issuer(made(payload))) is Rule.ISSUER


def test_key_and_account_do_not_change_places() -> None:
    assert broken_rule(lambda: access_tokens.issuer(made({"iss": ACCOUNT, "sub": KEY}))) is Rule.ISSUER


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_signature_is_that_of_the_key_and_of_nothing_else(algorithm: str) -> None:
    text = jwt.encode({"a": 1}, SECRET, algorithm=algorithm, headers={"cty": HEADER["cty"]})
    token = access_tokens.parse(text)
    access_tokens.check_header(token)
    access_tokens.check_signature(token, SECRET)
    assert broken_rule(lambda: access_tokens.check_signature(token, SECRET[:-1])) is Rule.SIGNATURE
    head, body, signature = text.split(".")
    for changed in (
        f"{head}.{encoded({'a': 2})}.{signature}",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.",
        f"{encoded({**HEADER, 'alg': 'HS256', 'x': 1})}.{body}.{signature}",
    ):
        assert broken_rule(
            lambda text=changed: access_tokens.check_signature(access_tokens.parse(text), SECRET)
        ) is (Rule.SIGNATURE)


TIMES: list[tuple[dict[str, Any], Rule | None]] = [
    ({"exp": NOW + 1}, None),
    ({"exp": NOW + DAY}, None),
    ({"exp": NOW + DAY, "nbf": NOW, "iat": NOW}, None),
    ({"exp": NOW + 3600, "nbf": None}, None),
    ({"exp": NOW + 3600, "iat": "today"}, None),
    ({}, Rule.EXPIRY),
    ({"exp": None}, Rule.EXPIRY),
    ({"exp": NOW}, Rule.EXPIRY),
    ({"exp": NOW - 1}, Rule.EXPIRY),
    ({"exp": 0}, Rule.EXPIRY),
    ({"exp": -1}, Rule.EXPIRY),
    ({"exp": str(NOW + 60)}, Rule.EXPIRY),
    ({"exp": NOW + 60.0}, Rule.EXPIRY),
    ({"exp": True}, Rule.EXPIRY),
    ({"exp": (NOW + 60) * 1000}, Rule.EXPIRY),
    ({"exp": 10**30}, Rule.EXPIRY),
    ({"exp": NOW + DAY + 1}, Rule.LIFETIME),
    ({"exp": NOW + DAY + 1, "nbf": NOW - DAY}, Rule.LIFETIME),
    ({"exp": NOW + DAY + 60, "iat": NOW + 60}, None),
    ({"exp": NOW + DAY + 61, "iat": NOW + 61}, Rule.LIFETIME),
    ({"exp": NOW + 10 * DAY, "iat": NOW + 10 * DAY - 60}, Rule.LIFETIME),
    ({"exp": NOW + DAY + 60, "nbf": NOW + 60}, None),
    ({"exp": NOW + 3600, "nbf": NOW + 61}, Rule.NOT_BEFORE),
    ({"exp": NOW + 2 * DAY, "nbf": NOW + DAY}, Rule.NOT_BEFORE),
    ({"exp": NOW + 3600, "nbf": "now"}, Rule.NOT_BEFORE),
    ({"exp": NOW + 3600, "nbf": 1.5}, Rule.NOT_BEFORE),
    ({"exp": NOW, "nbf": NOW + 61}, Rule.EXPIRY),
]


@pytest.mark.parametrize(("claims", "broken"), TIMES, ids=str)
def test_a_token_has_its_time(claims: dict[str, Any], broken: Rule | None) -> None:
    def check() -> int:
        return access_tokens.check_times(made(claims), NOW * access_tokens.SECOND)

    if broken is None:
        assert check() == claims["exp"] * access_tokens.SECOND
    else:
        assert broken_rule(check) is broken


def test_a_token_ends_in_the_moment_of_its_second() -> None:
    token = made({"exp": NOW})
    assert access_tokens.check_times(token, NOW * access_tokens.SECOND - 1) == NOW * access_tokens.SECOND
    assert broken_rule(lambda: access_tokens.check_times(token, NOW * access_tokens.SECOND)) is Rule.EXPIRY


@pytest.mark.parametrize(
    "grants", [None, [], "alice", {}, {"identity": None}, {"identity": ""}, {"identity": 5}]
)
def test_a_token_without_an_identity_is_refused(grants: Any) -> None:
    assert broken_rule(lambda: access_tokens.identity(made({"grants": grants}))) is Rule.GRANTS


@pytest.mark.parametrize(("identity", "fits"), [("é" * 256, True), ("é" * 257, False), ("a\0b", False)])
def test_an_identity_has_up_to_256_characters(identity: str, fits: bool) -> None:
    token = made({"grants": {"identity": identity}})
    if fits:
        assert access_tokens.identity(token) == identity
    else:
        assert broken_rule(lambda: access_tokens.identity(token)) is Rule.GRANTS


@pytest.mark.parametrize(
    ("wanted", "grants"),
    [
        ("data_sync", None),
        ("data_sync", []),
        ("data_sync", {}),
        ("data_sync", {"chat": {"service_sid": CHAT}}),
        ("data_sync", {"data_sync": {}}),
        ("data_sync", {"data_sync": None}),
        ("data_sync", {"data_sync": SYNC}),
        ("data_sync", {"data_sync": {"service_sid": ""}}),
        ("data_sync", {"data_sync": {"service_sid": 5}}),
        ("data_sync", {"data_sync": {"service_sid": SYNC, "endpoint_id": 5}}),
        ("data_sync", {"data_sync": {"service_sid": SYNC, "endpoint_id": "a\0"}}),
        ("chat", {"data_sync": {"service_sid": SYNC}}),
        ("chat", {"chat": {"service_sid": CHAT}, "ip_messaging": {"service_sid": SYNC}}),
    ],
    ids=str,
)
def test_a_token_without_the_grant_is_refused(wanted: str, grants: Any) -> None:
    token = made({"grants": grants})
    assert broken_rule(lambda: access_tokens.claims(token, GrantName(wanted))) is Rule.GRANTS


@pytest.mark.parametrize("wanted", ["chat", "ip_messaging"])
@pytest.mark.parametrize("named", [("chat",), ("ip_messaging",), ("chat", "ip_messaging")], ids=str)
def test_chat_s_grant_has_two_names(wanted: str, named: tuple[str, ...]) -> None:
    token = made({"grants": {name: {"service_sid": CHAT} for name in named}})
    assert access_tokens.claims(token, GrantName(wanted)) == {
        GrantName(name): GrantClaim(CHAT) for name in named
    }


def test_a_grant_that_does_not_fit_is_left_out_beside_one_that_does() -> None:
    token = made({"grants": {"data_sync": {"service_sid": SYNC}, "chat": {}, "voice": 5}})
    assert access_tokens.claims(token, GrantName.DATA_SYNC) == {GrantName.DATA_SYNC: GrantClaim(SYNC)}


@pytest.mark.parametrize(
    ("name", "service", "fits"),
    [
        ("data_sync", SYNC, True),
        ("data_sync", "default", True),
        ("data_sync", "Default", False),
        ("data_sync", KEY, False),
        ("chat", CHAT, True),
        ("chat", "default", False),
        ("ip_messaging", "IS", False),
    ],
)
def test_a_grant_names_a_service_by_sid(name: str, service: str, fits: bool) -> None:
    assert access_tokens.names_service(GrantName(name), service) is fits


def test_a_signed_token_is_read_by_others() -> None:
    payload = {"iss": KEY, "sub": ACCOUNT, "grants": {"identity": "Zoë"}}
    text = access_tokens.sign(payload, SECRET)
    assert jwt.decode(text, SECRET, algorithms=["HS256"]) == payload
    assert jwt.get_unverified_header(text) == HEADER


def judge(text: str, wanted: GrantName, now: int) -> None:
    """Check every rule that needs nothing stored."""
    token = access_tokens.parse(text)
    access_tokens.check_header(token)
    access_tokens.issuer(token)
    access_tokens.check_signature(token, SECRET)
    access_tokens.check_times(token, now)
    access_tokens.claims(token, wanted)
    access_tokens.identity(token)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([KEY, ACCOUNT, SYNC, "JWT", "HS256", HEADER["cty"], NOW + 60, "default"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.dictionaries(st.sampled_from(["service_sid", "endpoint_id", "deployment_role_sid"]), JSON)
GRANTS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "identity": JSON,
        "data_sync": JSON | SECTIONS,
        "chat": JSON | SECTIONS,
        "ip_messaging": SECTIONS,
    },
)
CLAIMS = st.fixed_dictionaries(
    {
        "iss": st.just(KEY) | JSON,
        "sub": st.just(ACCOUNT) | JSON,
        "exp": st.just(NOW + 60) | JSON,
        "grants": GRANTS,
    },
    optional={"nbf": JSON, "iat": JSON},
)
NAMES = st.sampled_from(GrantName)


def only_refused(text: str, wanted: GrantName) -> None:
    """Check that a token is refused or accepted, and that nothing else happens."""
    with suppress(InvalidToken):
        judge(text, wanted, NOW * access_tokens.SECOND)


@given(st.text() | st.from_regex(r"\A[\w-]+\.[\w-]+\.[\w-]*\Z"), NAMES)
def test_any_text_is_refused_at_worst(text: str, wanted: GrantName) -> None:
    with pytest.raises(InvalidToken):
        judge(text, wanted, NOW * access_tokens.SECOND)


@given(JSON | st.binary(), JSON | st.binary(), st.binary(), NAMES)
def test_any_parts_are_refused_at_worst(
    header: Any, payload: Any, signature: bytes, wanted: GrantName
) -> None:
    only_refused(".".join(map(encoded, (header, payload, signature))), wanted)


@given(CLAIMS, NAMES)
def test_any_signed_claims_are_refused_at_worst(claims: dict[str, Any], wanted: GrantName) -> None:
    body = f"{encoded(HEADER)}.{encoded(claims)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(body.encode(), SECRET.encode())
    only_refused(f"{body}.{encoded(signature)}", wanted)
