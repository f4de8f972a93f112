"""Sessions of browsers: the cookie that names one, and the token that every change with it carries.

The cookie is sent to the pages below ``/_trunkline`` alone, by no page of another site, and no script can read it
(``SameSite=Strict``, ``HttpOnly``). A port is no part of a site, and cookies are sent to all ports, so each change also
carries a token that the server's own pages hold: in ``X-CSRF-Token``, or in a form's field ``csrf``. The token follows
from the session's id, and the form to log in has one for an id that names no session yet.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Protocol, TypeVar

from trunkline.api.addressing import CONTROL
from trunkline.api.principal import Principal
from trunkline.core.secrets import same
from trunkline.core.storage.database import Action, Database, NeedsWrite, Tx

T = TypeVar("T")

CSRF_FIELD = "csrf"
CSRF_HEADER = b"x-csrf-token"

LOGIN_PATH = f"/{CONTROL}/login"

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_COOKIES = 200
"""Cookies of a request: browsers keep no more of a site."""
_ATTRIBUTES = f"Path=/{CONTROL}; HttpOnly; SameSite=Strict"


class Sessions(Protocol):
    """The store of sessions. ``cookie`` is the name of their cookie."""

    cookie: str

    async def open(self, tx: Tx, username: str, password: str) -> str | None:
        """Return the id of a new session for a correct pair of user name and password, else None. Raise ApiError 20005
        if the account is suspended or closed, 20403 if the credentials may not use the control API; NeedsWrite if the
        transaction is a read."""
        ...

    async def resume(self, tx: Tx, session_id: str) -> Principal | None:
        """Return the principal of a session, whose time begins anew; None if it has ended, or its credentials are no
        longer valid. Raise NeedsWrite if that must be noted and the transaction is a read."""
        ...

    async def close(self, tx: Tx, session_id: str) -> None:
        """End a session, if there is one. Raise NeedsWrite if there is, and the transaction is a read."""
        ...


async def run(database: Database, action: Action[T]) -> T:
    """Return the result of an action of a store, which writes if it must. Raise what it raises."""
    try:
        return await database.read(action)
    except NeedsWrite:
        return await database.write(action)


def read_cookie(header: str, name: str) -> str:
    """Return the session id in a Cookie header; empty without one, with more cookies than a browser
    keeps, and for two: one of them is not the server's."""
    if header.count(";") > _MAX_COOKIES:
        return ""
    pairs = [pair.strip().partition("=") for pair in header.split(";")]
    values = {value for key, _, value in pairs if key == name}
    found = values.pop() if len(values) == 1 else ""
    return found if _ID.fullmatch(found) else ""


def set_cookie(name: str, session_id: str, *, secure: bool) -> str:
    """Return the Set-Cookie header of an id, or of its removal if it is empty. It lasts as long as the browser runs, or
    the session."""
    ending = "" if session_id else "; Max-Age=0"
    return f"{name}={session_id}; {_ATTRIBUTES}{ending}{'; Secure' if secure else ''}"


def csrf_token(session_id: str) -> str:
    """Return the token of a session's changes."""
    return hmac.new(session_id.encode(), b"trunkline csrf", hashlib.sha256).hexdigest()


def is_csrf_token(session_id: str, token: str) -> bool:
    """Return whether a token is the one of a session's changes."""
    return bool(session_id) and same(token, csrf_token(session_id))
