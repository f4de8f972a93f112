"""Access tokens against what is stored: their key, their account and their Services."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from trunkline.api.principal import Credential
from trunkline.core import access_tokens
from trunkline.core.access_tokens import Grant, GrantName, InvalidToken, Rule
from trunkline.core.clock import SECOND
from trunkline.core.outages import FrequentEvent
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, NeedsWrite, Row, Tx
from trunkline.products.accounts.store import secret_label
from trunkline.products.manifest import ServiceFinder

log = logging.getLogger("trunkline.tokens")

Finders = Mapping[str, ServiceFinder]
"""From a product, such as ``data_sync`` or ``chat``, to the finder of its Services. Products without a grant of their
own may be in it: then the error of a token that names one of their Services names the product."""


class _Signer(Row, frozen=True):
    kind: str
    secret: bytes
    account_sid: str
    status: str
    owner_status: str
    owner_sid: str


_SIGNER = """
SELECT k.kind, k.secret, a.sid, a.status, o.status, o.sid
FROM api_keys k JOIN accounts a ON a.sid = k.account_sid JOIN accounts o ON o.sid = a.owner_account_sid
WHERE k.sid = :sid
"""


class TokenVerifier:
    """The verifier of access tokens, by the transaction's clock."""

    def __init__(self, database: Database, vault: Vault, finders: Finders) -> None:
        self._database = database
        self._vault = vault
        self._finders = finders
        self._refusals = {rule: FrequentEvent(log) for rule in Rule}

    async def verify(self, token: str, product: str) -> Grant:
        """Return the grant of a token for ``product`` (``data_sync``, ``chat`` or ``ip_messaging``). Raise InvalidToken
        if it breaks a rule."""

        async def check(tx: Tx) -> Grant:
            return await check_token(tx, self._vault, self._finders, token, product)

        try:
            try:
                return await self._database.read(check)
            except NeedsWrite:
                return await self._database.write(check)
        except InvalidToken as refused:
            self._refusals[refused.rule].happened(
                "an access token was refused: %s", refused, level=logging.INFO
            )
            raise


async def check_token(tx: Tx, vault: Vault, finders: Finders, text: str, product: str) -> Grant:
    """Return the grant of a token. Raise InvalidToken with the first rule of ``core.access_tokens`` that it breaks, and
    NeedsWrite if a Service must be created."""
    token = access_tokens.parse(text)
    access_tokens.check_header(token)
    key_sid, account_sid = access_tokens.issuer(token)
    signer = await _find_signer(tx, key_sid)
    if signer.account_sid != account_sid:
        raise InvalidToken(Rule.ISSUER, "the key iss belongs to another account than sub")
    access_tokens.check_signature(token, vault.open(secret_label(key_sid), signer.secret))
    expires_at = access_tokens.check_times(token, tx.now)
    wanted = _wanted(product)
    claims = access_tokens.claims(token, wanted)
    identity = access_tokens.identity(token)
    services: dict[GrantName, str] = {}
    for name, claim in claims.items():
        try:
            services[name] = await _service(tx, finders, account_sid, name, claim.service_sid)
        except InvalidToken:
            if name.product == wanted.product:
                raise
    # Chat's client asks under either name, whichever its token has (client).
    by_name = {name.value: one for name in GrantName for one in services if one.product == name.product}
    # Many connections share these texts: each is kept once.
    return Grant(
        account_sid=sys.intern(account_sid),
        services={name: sys.intern(services[one]) for name, one in by_name.items()},
        identity=identity,
        key_sid=sys.intern(key_sid),
        expires_at=expires_at,
        claims={name: claims[one] for name, one in by_name.items()},
        owner_sid=sys.intern(signer.owner_sid),
    )


def _wanted(product: str) -> GrantName:
    try:
        return GrantName(product)
    except ValueError:
        raise InvalidToken(Rule.GRANTS, "no grant leads to the requested product") from None


async def _find_signer(tx: Tx, key_sid: str) -> _Signer:
    signer = await tx.one(_Signer, _SIGNER, sid=key_sid)
    objection = _objection(signer)
    if signer is None or objection:
        raise InvalidToken(Rule.ISSUER, objection)
    return signer


def _objection(signer: _Signer | None) -> str:
    """Return the reason why a key may not sign, or an empty text."""
    if signer is None:
        return "there is no key iss"
    if signer.kind == Credential.RESTRICTED_KEY.value:
        return "the key iss is a restricted one, which cannot sign"
    if (signer.status, signer.owner_status) != ("active", "active"):
        return "the account sub, or the one above it, is not active"
    return ""


async def _service(tx: Tx, finders: Finders, account_sid: str, name: GrantName, service: str) -> str:
    if not access_tokens.names_service(name, service):
        raise InvalidToken(Rule.SERVICE, f"the service_sid of {name.value} is not the SID of a Service, IS…")
    if name.product in finders:
        found = await finders[name.product](tx, account_sid, service)
        if found is not None:
            return found
    for other, find in finders.items():
        if other != name.product and await find(tx, account_sid, service) is not None:
            raise InvalidToken(Rule.PRODUCT, f"the Service of {name.value} is one of {other}")
    raise InvalidToken(Rule.SERVICE, f"the account has no such Service as {name.value} names")


async def sign_token(tx: Tx, vault: Vault, key_sid: str, grants: dict[str, Any], ttl: int) -> str:
    """Return a token for the account of the key, valid for ``ttl`` seconds from now. Raise InvalidToken if the key may
    not sign. The grants are not checked."""
    signer = await _find_signer(tx, key_sid)
    now = tx.now // SECOND
    payload = {
        "jti": f"{key_sid}-{now}",
        "iss": key_sid,
        "sub": signer.account_sid,
        "nbf": now,
        "exp": now + ttl,
        "grants": grants,
    }
    return access_tokens.sign(payload, vault.open(secret_label(key_sid), signer.secret))


async def dead_keys(tx: Tx, key_sids: Iterable[str]) -> set[str]:
    """Return those of the keys that may no longer sign: they were deleted, or their account is not active. This finds
    the changes of other processes, whose announcements do not arrive here."""
    return {sid for sid in set(key_sids) if _objection(await tx.one(_Signer, _SIGNER, sid=sid))}
