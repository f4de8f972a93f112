"""Sessions of browsers: what a log-in to the pages below ``/_trunkline`` leaves. It implements
``trunkline.api.sessions.Sessions``.

1. A row holds a hash of the session's id and a proof that binds it to the secret of the log-in: an HMAC of the secret
   under the id. Neither contains the id or the secret.
2. Each request resumes its session: the user name's valid secrets are read again, and the proof must fit one of them.
   So a session ends with its key or token, on every node at once. An account that is no longer active loses its
   sessions for good.
3. A session ends when it was idle for ``SessionLimits.idle``, and at the latest ``SessionLimits.total`` after its
   log-in. Its end is moved in steps of a tenth of the idle time, not by each request.
4. A clock that was ahead leaves no session that lasts longer: one whose end lies further ahead than a request may move
   it, or whose beginning lies ahead, has ended.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable

import msgspec

from trunkline.api.auth import OPERATOR_NAME
from trunkline.api.errors import ApiError
from trunkline.api.principal import OPERATOR, Access, Principal
from trunkline.core.clock import SECOND
from trunkline.core.jobs.removals import remove_marked
from trunkline.core.secrets import Vault, same
from trunkline.core.sids import new_token
from trunkline.core.storage.database import NeedsWrite, Row, Tx, columns
from trunkline.core.storage.removal import Removal, RemovalGroup, RemovalPlan

SLACK = 60 * SECOND
"""Microseconds by which the clocks of two nodes may differ."""

NOT_ENOUGH = "This key may not use these pages: an account's auth token or a main key may"

Identify = Callable[[Tx, str, Callable[[str], bool]], Awaitable[Principal | None]]
"""The finder of the principal of a user name, given the check of its secret."""


class SessionLimits(msgspec.Struct, frozen=True):
    """Microseconds that a session may be idle, and may last."""

    idle: int = 3600 * SECOND
    total: int = 12 * 3600 * SECOND


class BrowserSession(Row, frozen=True):
    """A row of ``browser_sessions``. ``account_sid`` is None for the operator."""

    id_hash: str
    account_sid: str | None
    username: str
    proof: str
    date_created: int
    date_expires: int


_FIND = f"SELECT {columns(BrowserSession)} FROM browser_sessions WHERE id_hash = :id_hash"


class BrowserSessions:
    """The sessions of all nodes."""

    def __init__(self, identify: Identify, vault: Vault, limits: SessionLimits, operator_token: str) -> None:
        self._identify_account = identify
        self._limits = limits
        self._operator_token = operator_token
        # Cookies are sent to all ports: two servers on one machine must not end each other's sessions.
        self.cookie = f"trunkline_{vault.derived('session cookie').hex()[:8]}"

    async def open(self, tx: Tx, username: str, password: str) -> str | None:
        """Return the id of a new session for a correct pair, else None. Raise ApiError as ``Sessions.open``."""
        principal = await self._identify(tx, username, lambda secret: same(secret, password))
        if principal is None:
            return None
        if not principal.may(Access.ACCOUNT):
            raise ApiError(20403, NOT_ENOUGH)
        if not tx.writable:
            raise NeedsWrite
        session_id, now = new_token(), tx.now
        row = BrowserSession(
            _hash(session_id),
            principal.account_sid or None,
            username,
            _prove(session_id, password),
            now,
            now + min(self._limits.idle, self._limits.total),
        )
        await tx.insert("browser_sessions", row)
        return session_id

    async def resume(self, tx: Tx, session_id: str) -> Principal | None:
        """Return the principal of a session. Raise NeedsWrite as ``Sessions.resume``."""
        row = await tx.one(BrowserSession, _FIND, id_hash=_hash(session_id))
        if row is None or not self._lasts(row, tx.now):
            return None
        try:
            principal = await self._identify(
                tx, row.username, lambda secret: same(_prove(session_id, secret), row.proof)
            )
        except ApiError:
            # The account is not active.
            return None
        if principal is not None:
            await self._prolong(tx, row)
        return principal

    async def close(self, tx: Tx, session_id: str) -> None:
        """End a session. Raise NeedsWrite as ``Sessions.close``."""
        id_hash = _hash(session_id)
        if await tx.one(BrowserSession, _FIND, id_hash=id_hash) is None:
            return
        if not tx.writable:
            raise NeedsWrite
        await tx.run("DELETE FROM browser_sessions WHERE id_hash = :id_hash", id_hash=id_hash)

    async def _identify(self, tx: Tx, username: str, fits: Callable[[str], bool]) -> Principal | None:
        if username == OPERATOR_NAME:
            return OPERATOR if self._operator_token and fits(self._operator_token) else None
        return await self._identify_account(tx, username, fits)

    def _lasts(self, row: BrowserSession, now: int) -> bool:
        began = row.date_created <= now + SLACK and now < row.date_created + self._limits.total
        return began and now < row.date_expires <= now + self._limits.idle + SLACK

    async def _prolong(self, tx: Tx, row: BrowserSession) -> None:
        end = min(tx.now + self._limits.idle, row.date_created + self._limits.total)
        if end < row.date_expires + self._limits.idle // 10:
            return
        if not tx.writable:
            raise NeedsWrite
        await tx.run(
            "UPDATE browser_sessions SET date_expires = :date_expires WHERE id_hash = :id_hash",
            date_expires=end,
            id_hash=row.id_hash,
        )


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _prove(session_id: str, secret: str) -> str:
    return hmac.new(session_id.encode(), secret.encode(), hashlib.sha256).hexdigest()


SESSIONS_REMOVAL = RemovalPlan(
    "browser_sessions",
    below=(
        RemovalGroup(
            (
                Removal(
                    "browser_sessions",
                    ("id_hash",),
                    "account_sid IN (SELECT sid FROM accounts WHERE sid = :sid OR owner_account_sid = :sid)",
                ),
            )
        ),
    ),
    keeps=True,
)
"""The removal of the sessions of an account and of those below it, by the account's SID."""


async def end_sessions(tx: Tx, account_sid: str) -> None:
    """End the sessions of an account and of those below it; a job ends those beyond the first 500."""
    await remove_marked(tx, SESSIONS_REMOVAL, account_sid)
