"""Who calls: HTTP Basic with an account SID and auth token, or with an API key.

Failures (doc): 401, code 20003 and ``WWW-Authenticate``, with the vendor's texts.
"""

from __future__ import annotations

import base64
import binascii
from typing import Protocol

from trunkline.api.errors import ApiError
from trunkline.api.principal import Access, Principal
from trunkline.core.sids import is_sid
from trunkline.core.storage.database import Database, Tx

CHALLENGE = {"WWW-Authenticate": 'Basic realm="Twilio API"'}


class Directory(Protocol):
    """Where credentials are kept."""

    async def authenticate(self, tx: Tx, username: str, password: str) -> Principal | None:
        """The principal of a right pair of user name and password, else None. Raises ApiError 20005 when the
        account is suspended or closed."""
        ...

    async def reach(self, tx: Tx, principal: Principal, account_sid: str) -> Principal | None:
        """The same caller acting on ``account_sid``, when it may: its own account, or a subaccount with full
        credentials of the parent."""
        ...


def refused(message: str | None = None, detail: str | None = None) -> ApiError:
    """A 401 with its challenge."""
    return ApiError(20003, message, detail=detail, headers=CHALLENGE)


def wrong() -> ApiError:
    """The refusal of a user name and password that do not fit."""
    return refused(detail="Your AccountSid or AuthToken was incorrect.")


def basic(header: str | None) -> tuple[str, str]:
    """User name and password of an Authorization header. Raises ApiError 20003."""
    if not header:
        raise refused("Authentication Error - No credentials provided")
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise refused("Authentication Error - No credentials provided")
    try:
        username, separator, password = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except (ValueError, binascii.Error):
        raise refused("Authentication Error - invalid username") from None
    if not separator or not (is_sid(username, "AC") or is_sid(username, "SK")):
        raise refused("Authentication Error - invalid username")
    return username, password


async def main_account(database: Database, directory: Directory, authorization: str) -> str:
    """The account of a caller of the control API, who has its auth token or a main key. Raises ApiError 20003."""
    username, password = basic(authorization)

    async def find(tx: Tx) -> Principal | None:
        return await directory.authenticate(tx, username, password)

    principal = await database.read(find)
    if principal is None or not principal.may(Access.MAIN):
        raise wrong()
    return principal.account_sid
