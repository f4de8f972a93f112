"""Who calls: the account and the kind of credential, and what that kind may do."""

from __future__ import annotations

import enum

import msgspec


class Credential(enum.Enum):
    """The kinds of credentials (doc)."""

    AUTH_TOKEN = "auth token"  # noqa: S105
    MAIN_KEY = "main"
    STANDARD_KEY = "standard"
    RESTRICTED_KEY = "restricted"
    OPERATOR = "operator"
    """The person at the machine: the command line."""
    TOKEN = "access token"  # noqa: S105
    """An access token of a client SDK, over the realtime door or in ``X-Twilio-Token``."""
    TEST = "test credentials"
    """The second pair of an account: few operations answer it, and none of them does anything (doc)."""


class Scheme(enum.Enum):
    """The forms in which an HTTP request carries its credentials."""

    BASIC = "basic"
    """``Authorization: Basic`` with an account SID and its auth token, or with an API key and its secret."""
    TOKEN = "token"  # noqa: S105
    """An access token in ``X-Twilio-Token``."""


BASIC_ONLY = frozenset({Scheme.BASIC})


class Access(enum.Enum):
    """Which credentials an operation takes."""

    ANY_KEY = "any"
    MAIN = "main"
    """Auth token or main key: Accounts and Keys (doc)."""


class Principal(msgspec.Struct, frozen=True):
    """The caller of an operation. ``account_sid`` is the account it acts on; ``owner_sid`` that account's parent
    (itself for a main account); ``policy`` what a restricted key may do.

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

    def may(self, access: Access) -> bool:
        """Whether the credential's kind is enough; a restricted key's policy is looked at apart."""
        full = (Credential.AUTH_TOKEN, Credential.MAIN_KEY, Credential.OPERATOR)
        return access is Access.ANY_KEY or self.credential in full

    def allows(self, *permissions: str) -> bool:
        """Whether a restricted key's policy grants one of ``permissions``; other credentials are not restricted."""
        return self.credential is not Credential.RESTRICTED_KEY or not self.policy.isdisjoint(permissions)
