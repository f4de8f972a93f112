"""Access tokens: the JWTs with which client SDKs log in. Their form, their claims and their rules. Pure.

A token is checked in this order (doc, client); the first rule that it breaks is reported:

1. three base64url parts, the first two JSON objects        FORM
2. ``typ``, ``alg`` (HS256, HS384, HS512) and ``cty``       HEADER
3. ``iss`` is a key that may sign for the account ``sub``   ISSUER; stored data decide
4. the HMAC with that key's secret                          SIGNATURE
5. ``exp`` is to come, and at most a day away               EXPIRY, LIFETIME
6. ``nbf`` has come; clocks may differ by 60 s              NOT_BEFORE
7. ``grants`` has an identity and the product's grant       GRANTS
8. the grant's Service is the account's, of that product    SERVICE, PRODUCT; stored data decide

Claims are seconds since 1970 UTC; ``now`` and all results are microseconds.
"""

from __future__ import annotations

import base64
import enum
import hmac
import re
import sys
from typing import Any

import msgspec

from trunkline.core.sids import is_sid

CONTENT_TYPE = "twilio-fpa;v=1"
DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
"""The algorithms of SDKs (client). No other is accepted, ``none`` least of all."""

SECOND = 1_000_000
MAX_LIFETIME = 24 * 3600
LEEWAY = 60
MAX_IDENTITY = 256
"""Characters; the lifetime and the leeway are seconds (doc)."""

MAX_LENGTH = 16_384
"""Characters of a token; the SDKs' have some 500 (inferred)."""

DEFAULT_SERVICE = "default"
"""The word that a Sync grant may have instead of a SID (doc)."""

_LAST_SECOND = 253_402_300_799
_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)


class GrantName(enum.Enum):
    """The grants of products with clients; those for voice, video and others are skipped."""

    DATA_SYNC = "data_sync"
    CHAT = "chat"
    IP_MESSAGING = "ip_messaging"
    """Chat, as SDKs before 6.x and the protocol call it (client)."""

    @property
    def product(self) -> str:
        """``data_sync`` or ``chat``."""
        return "chat" if self is GrantName.IP_MESSAGING else self.value


class Rule(enum.Enum):
    """The rules, each with its code and the text that people see (doc). ``connection_code`` is the code for realtime
    clients: they have a number of their own for a lifetime that is too long."""

    FORM = 20101, "Invalid Access Token"
    HEADER = 20102, "Invalid Access Token header"
    ISSUER = 20103, "Invalid Access Token issuer/subject"
    SIGNATURE = 20107, "Invalid Access Token signature"
    EXPIRY = 20104, "Access Token expired or expiration date invalid"
    LIFETIME = 20157, "Access Token expiration time exceeds maximum", 51121
    NOT_BEFORE = 20105, "Access Token not yet valid"
    GRANTS = 20106, "Invalid Access Token grants"
    SERVICE = 51101, "Service instance not found"
    PRODUCT = 51106, "Active product doesn't match with service instance product"

    def __init__(self, code: int, description: str, connection_code: int = 0) -> None:
        self.code = code
        self.description = description
        self.connection_code = connection_code or code


class InvalidToken(Exception):
    """A token that breaks ``rule``. ``reason`` has the details for whoever runs the server, and no secret."""

    def __init__(self, rule: Rule, reason: str) -> None:
        self.rule = rule
        self.reason = reason
        super().__init__(f"{rule.code} {rule.description}: {reason}")


class GrantClaim(msgspec.Struct, frozen=True):
    """A product's grant as the token has it. ``service_sid`` is a SID, or the word ``default`` for Sync."""

    service_sid: str
    endpoint_id: str | None = None
    deployment_role_sid: str | None = None
    push_credential_sid: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """The rights of a token that keeps all rules, until ``expires_at`` (microseconds).

    ``services`` maps the name of every grant that leads to a Service to that Service's SID, and Chat's two names to
    the same one; ``claims`` has the fields of each under the same names.
    """

    account_sid: str
    services: dict[str, str]
    identity: str
    key_sid: str
    expires_at: int
    claims: dict[str, GrantClaim] = {}
    owner_sid: str = ""
    """The main account of ``account_sid``."""


class Token(msgspec.Struct, frozen=True):
    """A parsed token that is not checked."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(text: str) -> Token:
    """Return the parts of a token. Raise InvalidToken (FORM) if it has not the form of one."""
    if len(text) > MAX_LENGTH:
        raise InvalidToken(Rule.FORM, f"it has over {MAX_LENGTH} characters")
    if not _SEGMENTS.fullmatch(text):
        raise InvalidToken(Rule.FORM, "it is not three parts of base64url with dots between them")
    header, payload, signature = text.split(".")
    return Token(
        header=_object(header, "header"),
        payload=_object(payload, "payload"),
        signed=f"{header}.{payload}".encode(),
        signature=_bytes(signature, "signature"),
    )


def _bytes(part: str, name: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidToken(Rule.FORM, f"its {name} is not base64url") from None


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(_bytes(part, name))
    except (ValueError, RecursionError):
        raise InvalidToken(Rule.FORM, f"its {name} is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidToken(Rule.FORM, f"its {name} is not a JSON object")
    return value


def check_header(token: Token) -> None:
    """Raise InvalidToken (HEADER) unless the header is that of an access token; ``twr``, a region, may be any."""
    if token.header.get("typ") != "JWT":
        raise InvalidToken(Rule.HEADER, 'typ is not "JWT"')
    algorithm = token.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in DIGESTS:
        raise InvalidToken(Rule.HEADER, f"alg is none of {', '.join(DIGESTS)}")
    if token.header.get("cty") != CONTENT_TYPE:
        raise InvalidToken(Rule.HEADER, f'cty is not "{CONTENT_TYPE}"')
    if "crit" in token.header:
        raise InvalidToken(Rule.HEADER, "crit requires an extension, and none is supported")


def issuer(token: Token) -> tuple[str, str]:
    """Return the key that signed, and the account that it signed for. Raise InvalidToken (ISSUER) if they are no SIDs;
    whether they exist is not checked."""
    key_sid, account_sid = token.payload.get("iss"), token.payload.get("sub")
    if not isinstance(key_sid, str) or not is_sid(key_sid, "SK"):
        raise InvalidToken(Rule.ISSUER, "iss is not the SID of an API key, SK…")
    if not isinstance(account_sid, str) or not is_sid(account_sid, "AC"):
        raise InvalidToken(Rule.ISSUER, "sub is not the SID of an account, AC…")
    return key_sid, account_sid


def check_signature(token: Token, secret: str) -> None:
    """Raise InvalidToken (SIGNATURE) unless ``secret`` signed the token; takes the same time for every signature."""
    if not hmac.compare_digest(_signature(token.signed, token.header["alg"], secret), token.signature):
        raise InvalidToken(Rule.SIGNATURE, "another secret than the key's signed it, or it was changed")


def check_times(token: Token, now: int) -> int:
    """Return the time at which the token ends. Raise InvalidToken (EXPIRY, LIFETIME, NOT_BEFORE).

    The lifetime counts from the last of ``nbf``, ``iat`` and ``now`` (inferred); an ``iat`` to come counts as far as
    clocks may differ, or it would make any lifetime short.
    """
    end = _seconds(token, "exp")
    if end is None:
        raise InvalidToken(Rule.EXPIRY, "exp is missing, or no whole number of seconds since 1970")
    if end * SECOND <= now:
        raise InvalidToken(Rule.EXPIRY, "exp is over")
    latest = now // SECOND + LEEWAY
    begin, issued = _seconds(token, "nbf"), _seconds(token, "iat")
    if end - max(begin or 0, min(issued or 0, latest), now // SECOND) > MAX_LIFETIME:
        raise InvalidToken(Rule.LIFETIME, "exp is more than 24 hours away")
    if begin is None and token.payload.get("nbf") is not None:
        raise InvalidToken(Rule.NOT_BEFORE, "nbf is no whole number of seconds since 1970")
    if begin is not None and begin * SECOND > now + LEEWAY * SECOND:
        raise InvalidToken(Rule.NOT_BEFORE, f"nbf is more than {LEEWAY} seconds away")
    return end * SECOND


def _seconds(token: Token, claim: str) -> int | None:
    value = token.payload.get(claim)
    return value if is_time(value) else None


def is_time(value: object) -> bool:
    """Return whether a claim is a whole number of seconds since 1970, up to the year 9999."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND


def identity(token: Token) -> str:
    """Return the identity of a token. Raise InvalidToken (GRANTS) if it has none."""
    value = _grants(token).get("identity")
    if not isinstance(value, str) or not value:
        raise InvalidToken(Rule.GRANTS, "grants.identity is missing, empty or no text")
    if len(value) > MAX_IDENTITY or "\0" in value:
        raise InvalidToken(Rule.GRANTS, f"grants.identity has over {MAX_IDENTITY} characters, or a NUL")
    return value


def claims(token: Token, wanted: GrantName) -> dict[GrantName, GrantClaim]:
    """Return the grants by name. Raise InvalidToken (GRANTS) unless the wanted one is among them, under one of its
    names; others that are malformed are left out."""
    grants = _grants(token)
    found: dict[GrantName, GrantClaim] = {}
    error = InvalidToken(Rule.GRANTS, f"there is no grant {wanted.value}")
    for name in GrantName:
        if name.value not in grants:
            continue
        try:
            found[name] = _claim(name, grants[name.value])
        except InvalidToken as refused:
            if name.product == wanted.product:
                error = refused
    of_product = [claim for name, claim in found.items() if name.product == wanted.product]
    if not of_product:
        raise error
    if len({claim.service_sid for claim in of_product}) > 1:
        raise InvalidToken(Rule.GRANTS, "the grants chat and ip_messaging name different Services")
    return found


def _grants(token: Token) -> dict[str, Any]:
    grants = token.payload.get("grants")
    if not isinstance(grants, dict):
        raise InvalidToken(Rule.GRANTS, "grants is missing, or no JSON object")
    return grants


def _claim(name: GrantName, value: Any) -> GrantClaim:
    if not isinstance(value, dict) or not value.get("service_sid"):
        raise InvalidToken(Rule.GRANTS, f"the grant {name.value} has no service_sid")
    # SDKs leave out what is not set; null counts as left out.
    fields = {key: value.get(key) for key in ("endpoint_id", "deployment_role_sid", "push_credential_sid")}
    texts = [value["service_sid"], *(one for one in fields.values() if one is not None)]
    if not all(isinstance(one, str) and "\0" not in one for one in texts):
        raise InvalidToken(Rule.GRANTS, f"the grant {name.value} has a field that is no text")
    return GrantClaim(sys.intern(value["service_sid"]), **fields)


def names_service(name: GrantName, service: str) -> bool:
    """Return whether ``service`` can name a Service in this grant at all."""
    return is_sid(service, "IS") or (name is GrantName.DATA_SYNC and service == DEFAULT_SERVICE)


def sign(payload: dict[str, Any], secret: str) -> str:
    """Return a token with this payload, signed as SDKs do by default."""
    header = {"typ": "JWT", "alg": "HS256", "cty": CONTENT_TYPE}
    signed = ".".join(_encoded(msgspec.json.encode(part)) for part in (header, payload))
    return f"{signed}.{_encoded(_signature(signed.encode(), 'HS256', secret))}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _signature(signed: bytes, algorithm: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), signed, DIGESTS[algorithm])
