"""Credentials by scheme: from the headers of a request to its Principal.

A route lists the schemes that it accepts: HTTP Basic (an account SID with its auth token, or an API key), an access
token in ``X-Twilio-Token``, the operator's token (as a bearer token, or Basic with the user name ``operator``), and a
browser's session; a change also needs the session's CSRF token. Credentials in Authorization take precedence over a
session, unless a page's script sends the CSRF token: a browser may hold Basic from elsewhere. A route that does not
list a scheme ignores that scheme's header; a route without schemes is open to everybody. Refused credentials (doc): 401
with code 20003 and ``WWW-Authenticate``; a rejected access token: the code of the rule that it breaks.
``Operation.access`` decides afterwards whether the Principal may use the route.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Protocol

from trunkline.api import sessions
from trunkline.api.errors import ApiError
from trunkline.api.principal import NOBODY, OPERATOR, Credential, Principal, Scheme
from trunkline.api.sessions import CSRF_HEADER, LOGIN_PATH, Sessions, is_csrf_token, read_cookie
from trunkline.core.access_tokens import Grant, InvalidToken
from trunkline.core.secrets import same
from trunkline.core.sids import is_sid
from trunkline.core.storage.database import Database, Tx

OPERATOR_NAME = "operator"
"""The user name of the operator's token in HTTP Basic."""

_NONE_GIVEN = "Authentication Error - No credentials provided"

CHALLENGE = {"WWW-Authenticate": 'Basic realm="Twilio API"'}


class Directory(Protocol):
    """The store of credentials."""

    sessions: Sessions

    async def authenticate(self, tx: Tx, username: str, password: str) -> Principal | None:
        """Return the principal of a correct pair of user name and password, else None. Raise ApiError 20005 if the
        account is suspended or closed."""
        ...

    async def reach(self, tx: Tx, principal: Principal, account_sid: str) -> Principal | None:
        """Return the same caller acting on ``account_sid`` if it may: its own account, or a subaccount with full
        credentials of the parent."""
        ...


class AccessTokenVerifier(Protocol):
    """The verifier of access tokens."""

    async def verify(self, token: str, product: str) -> Grant:
        """Return the grant of a token that has one for ``product``, such as ``chat``. Raise InvalidToken if the
        token breaks a rule."""
        ...


def unauthorized(message: str | None = None, detail: str | None = None) -> ApiError:
    """Return a 401 with its challenge."""
    return ApiError(20003, message, detail=detail, headers=CHALLENGE)


def wrong_credentials() -> ApiError:
    """Return the error for a user name and password that do not match."""
    return unauthorized(detail="Your AccountSid or AuthToken was incorrect.")


def basic(header: str | None) -> tuple[str, str]:
    """Return user name and password of an Authorization header. Raise ApiError 20003 if it has none."""
    if not header:
        raise unauthorized(_NONE_GIVEN)
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise unauthorized(_NONE_GIVEN)
    try:
        username, separator, password = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except (ValueError, binascii.Error):
        raise unauthorized("Authentication Error - invalid username") from None
    if not separator or not (is_sid(username, "AC") or is_sid(username, "SK")):
        raise unauthorized("Authentication Error - invalid username")
    return username, password


def token_principal(grant: Grant, product: str) -> Principal:
    """Return the principal of a verified access token that is used for ``product``."""
    claim = grant.claims.get(product)
    return Principal(
        account_sid=grant.account_sid,
        owner_sid=grant.account_sid,
        credential=Credential.TOKEN,
        key_sid=grant.key_sid,
        identity=grant.identity,
        endpoint=claim.endpoint_id if claim else None,
        service_sid=grant.services[product],
    )


def _operator_secret(header: str) -> str | None:
    """Return the secret that an Authorization header presents as the operator's token; None if it presents none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() == "bearer":
        return encoded.strip()
    if scheme.lower() != "basic":
        return None
    try:
        username, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return password if username == OPERATOR_NAME else None


class Authenticator:
    """The resolution of an HTTP request's credentials."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        verifier: AccessTokenVerifier,
        operator_token: str = "",
    ) -> None:
        self._database = database
        self._directory = directory
        self._verifier = verifier
        self._operator_token = operator_token

    async def authenticate(
        self,
        schemes: frozenset[Scheme],
        product: str,
        header: Callable[[bytes], str],
        fail: Callable[[], Awaitable[None]],
        writes: bool = False,
    ) -> Principal:
        """Return the principal of a request to a route with these ``schemes``. ``product`` names the grant that an
        access token must have, ``header`` returns a header's value or an empty text, ``fail`` records a failed log-in
        and delays its response, ``writes`` is True for a change. Raise ApiError 20003, 20005, 20403 for a change by a
        session without its CSRF token, or a code of ``trunkline.core.access_tokens.Rule``."""
        if Scheme.TOKEN in schemes and (token := header(b"x-twilio-token")):
            return await self._by_token(token, product, fail)
        if (cookie := header(b"cookie")) and Scheme.SESSION in schemes:
            csrf, session_id = header(CSRF_HEADER), read_cookie(cookie, self._directory.sessions.cookie)
            if session_id and (csrf or not header(b"authorization")):
                return await self._by_session(session_id, csrf if writes else None)
        if Scheme.OPERATOR in schemes and (secret := _operator_secret(header(b"authorization"))) is not None:
            return await self._by_operator_token(secret, fail)
        if not schemes:
            return NOBODY
        if Scheme.BASIC not in schemes:
            raise unauthorized(_NONE_GIVEN)
        given = header(b"authorization")
        if not given and Scheme.SESSION in schemes:
            raise unauthorized(_NONE_GIVEN, detail=f"In a browser, log in at {LOGIN_PATH}.")
        username, password = basic(given)

        async def find(tx: Tx) -> Principal | None:
            return await self._directory.authenticate(tx, username, password)

        principal = await self._database.read(find)
        if principal is None:
            await fail()
            raise wrong_credentials()
        return principal

    async def _by_operator_token(self, secret: str, fail: Callable[[], Awaitable[None]]) -> Principal:
        if not self._operator_token or not same(secret, self._operator_token):
            await fail()
            raise unauthorized(detail="The operator's token was incorrect.")
        return OPERATOR

    async def _by_session(self, session_id: str, csrf: str | None) -> Principal:
        """Return the principal of a session. ``csrf`` is the token of a change, None for a read."""

        store = self._directory.sessions
        principal = await sessions.run(self._database, lambda tx: store.resume(tx, session_id))
        if principal is None:
            # Without a challenge: no browser must ask for credentials that it then adds to the requests of all pages.
            raise ApiError(20003, detail=f"The session has ended. Log in at {LOGIN_PATH}.")
        if csrf is not None and not is_csrf_token(session_id, csrf):
            raise ApiError(20403, "The X-CSRF-Token of the session is missing or wrong")
        return principal

    async def _by_token(self, token: str, product: str, fail: Callable[[], Awaitable[None]]) -> Principal:
        try:
            return token_principal(await self._verifier.verify(token, product), product)
        except InvalidToken as error:
            await fail()
            raise ApiError(error.rule.code) from error
