"""The caller: the account and the kind of credential, and the permissions of that kind."""

from __future__ import annotations

import enum

import msgspec

from trunkline.core.access_tokens import Grant


class Credential(enum.Enum):
    """The kinds of credentials (doc)."""

    AUTH_TOKEN = "auth token"  # noqa: S105
    MAIN_KEY = "main"
    STANDARD_KEY = "standard"
    RESTRICTED_KEY = "restricted"
    OPERATOR = "operator"
    """The operator's token, or the command line on the server's machine."""
    TOKEN = "access token"  # noqa: S105
    """An access token of a client SDK, over the realtime door or in ``X-Twilio-Token``."""
    NONE = "none"
    """No credentials: few operations are open to everybody."""
    TEST = "test credentials"
    """The second pair of an account: few operations accept it, and none of them does anything (doc)."""


class Scheme(enum.Enum):
    """The forms in which an HTTP request carries its credentials."""

    BASIC = "basic"
    """``Authorization: Basic`` with an account SID and its auth token, or with an API key and its secret."""
    TOKEN = "token"  # noqa: S105
    """An access token in ``X-Twilio-Token``."""
    OPERATOR = "operator"
    """The operator's token: ``Authorization: Bearer``, or Basic with the user name ``operator``."""
    SESSION = "session"
    """The cookie of a browser that has logged in."""


BASIC_ONLY = frozenset({Scheme.BASIC})
CONTROL_SCHEMES = frozenset({Scheme.BASIC, Scheme.OPERATOR, Scheme.SESSION})
"""The schemes of the control API. An operation without any scheme is open to everybody."""


class Access(enum.Enum):
    """The credentials that an operation accepts."""

    ANY_KEY = "any"
    MAIN = "main"
    """Auth token or main key: Accounts and Keys (doc)."""
    ACCOUNT = "account"
    """Auth token or main key, or the operator's token with ``AccountSid``: an account's own part of the control API."""
    OPERATOR = "operator"
    """The operator's token: what belongs to the server."""


class Principal(msgspec.Struct, frozen=True):
    """The caller of an operation. ``account_sid`` is the account it acts on; ``owner_sid`` that account's parent
    (itself for a main account); ``policy`` what a restricted key may do. ``parent`` is True if the credentials are
    those of ``owner_sid`` itself, also where they reach a subaccount. The operator acts on the account that the
    request names, or on the whole server: then ``account_sid`` is empty.

    An access token has an ``identity``, an ``endpoint`` (the id of its client, if known), the ``connection`` over
    which the request came (empty over HTTP), and the ``service_sid`` of the one Service that it is for.
    """

    account_sid: str
    owner_sid: str
    credential: Credential
    key_sid: str | None = None
    policy: frozenset[str] = frozenset()
    identity: str | None = None
    endpoint: str | None = None
    connection: str = ""
    service_sid: str | None = None
    parent: bool = False

    def may(self, access: Access) -> bool:
        """Return whether the credential's kind is enough; the policy of a restricted key is a check of its own."""
        if access is Access.OPERATOR:
            return self.credential is Credential.OPERATOR
        full = (Credential.AUTH_TOKEN, Credential.MAIN_KEY, Credential.OPERATOR)
        return access is Access.ANY_KEY or self.credential in full

    def allows(self, *permissions: str) -> bool:
        """Return whether a restricted key's policy grants one of ``permissions``; others are not restricted."""
        return self.credential is not Credential.RESTRICTED_KEY or not self.policy.isdisjoint(permissions)


OPERATOR = Principal("", "", Credential.OPERATOR)
"""The caller with the operator's token."""
NOBODY = Principal("", "", Credential.NONE)
"""The caller of an operation that is open to everybody."""


class CredentialRevoked(msgspec.Struct, frozen=True):
    """The announcement that a key, or every key of an account and its subaccounts (``key_sid`` is None), is revoked.
    Clients that logged in with an access token signed by it must be disconnected."""

    account_sid: str
    key_sid: str | None = None

    def ends(self, grant: Grant) -> bool:
        """Return whether the token of a grant was signed by what is revoked."""
        above = self.account_sid in (grant.account_sid, grant.owner_sid)
        return above and self.key_sid in (None, grant.key_sid)
