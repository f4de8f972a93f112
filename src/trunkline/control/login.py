"""The log-in to the pages: ``/_trunkline/login`` and ``/_trunkline/logout``.

An account logs in with its SID and auth token or with a main key, the operator with the name ``operator`` and the
operator's token. The session is a cookie; other operations of the control API accept it, too, a change with its CSRF
token. A page needs the session: credentials in HTTP Basic are refused without a challenge, so that no browser requests
them. A log-in makes a new session, whatever id the browser had before.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from trunkline.api import form_data, sessions
from trunkline.api.addressing import CONTROL
from trunkline.api.auth import OPERATOR_NAME, Directory
from trunkline.api.errors import ApiError
from trunkline.api.execution import Response, act_on
from trunkline.api.operation import Call, Empty, Operation, OperationKind, handled
from trunkline.api.params import Given, text
from trunkline.api.principal import Principal
from trunkline.api.sessions import CSRF_FIELD, LOGIN_PATH, csrf_token, is_csrf_token, read_cookie
from trunkline.control.html_pages import framed, html_response, see_other
from trunkline.core.sids import is_sid, new_token
from trunkline.core.storage.database import Database

START_PATH = f"/{CONTROL}/"
LOGOUT_PATH = f"/{CONTROL}/logout"
MAX_FORM = 8 * 1024
"""Bytes of a form: nobody has logged in yet."""

_OWN_PAGE = re.compile(rf"/{CONTROL}(/[A-Za-z0-9_/-]*)?(\?AccountSid=AC[0-9a-fA-F]{{32}})?")
_WRONG = "The SID or the secret is wrong."
_OLD = "The form was too old, or the browser keeps no cookies. Try again."
_OTHER = "AccountSid is no account of this log-in."
_BASIC = "This page has a log-in of its own, and takes no credentials in a header."

_FORM = """<h1>Trunkline</h1>
<form method="post" action="{path}">
{problem}
<label>Account SID, or the SID of a main key<input name="username" required maxlength="64" autocomplete="username"
autocapitalize="off" spellcheck="false"></label>
<label>Auth token, or the key's secret<input name="password" type="password" required maxlength="256"
autocomplete="current-password"></label>
<input type="hidden" name="next" value="{next}">
<input type="hidden" name="{field}" value="{csrf}">
<button>Log in</button>
</form>"""


class LoginPage(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of the page: the page that was requested."""

    next: Annotated[Given[str], text()] = UNSET


class PageSession(msgspec.Struct, frozen=True):
    """The session with which a page is shown."""

    id: str
    csrf: str


Page = Callable[[Call[Any], PageSession], Awaitable[Response]]


class PageLogin:
    """The log-in, its end, and the pages that need it."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory
        self._store = directory.sessions

    def page(self, path: str, page: Page, input: type[Any] = Empty) -> Operation:
        """Return the operation of a page that needs a session. The ``query`` of its input, if it has one, is kept over
        a log-in. An ``account_sid`` there must be an account that the session may use."""

        async def show(call: Call[Any]) -> Response:
            session_id = self._cookie(call)
            principal = await self._resume(session_id)
            if principal is None:
                query = getattr(call.input, "query", "")
                form = f"{LOGIN_PATH}?Next={quote(f'/{CONTROL}{path}{query}', safe='')}"
                return _refuse_basic(form) if call.headers.get("authorization") else see_other(form)
            if account_sid := getattr(call.input, "account_sid", None):
                try:
                    await self._require_account(principal, account_sid)
                except ApiError as error:
                    return _problem_page(error.message, error.status)
            return await page(call, PageSession(session_id, csrf_token(session_id)))

        return handled(OperationKind.FETCH, path, show, None, input=input, schemes=frozenset())

    async def show_form(self, call: Call[LoginPage]) -> Response:
        """Return the form, or lead on if the browser has logged in."""
        session_id, path = self._cookie(call), _own_page(call.input.next or "")
        if await self._resume(session_id) is not None:
            return see_other(path)
        return self._form(call, path)

    async def log_in(self, call: Call[Empty]) -> Response:
        """Begin a session. Raise ApiError 20001 for a body that is no form."""
        form = await _read_form(call)
        path, username = _own_page(form.get("next", "")), form.get("username", "").strip()
        if not is_csrf_token(self._cookie(call), form.get(CSRF_FIELD, "")):
            return self._form(call, path, 403, _OLD)
        if not (username == OPERATOR_NAME or is_sid(username, "AC") or is_sid(username, "SK")):
            return self._form(call, path, 401, _WRONG)
        password = form.get("password", "").strip()
        try:
            session_id = await sessions.run(
                self._database, lambda tx: self._store.open(tx, username, password)
            )
        except ApiError as error:
            return self._form(call, path, error.status, error.message)
        if session_id is None:
            return self._form(call, path, 401, _WRONG)
        await self._end(self._cookie(call))
        return see_other(path, self._set(call, session_id))

    async def log_out(self, call: Call[Empty]) -> Response:
        """End the session. Raise ApiError 20001 for a body that is no form."""
        form, session_id = await _read_form(call), self._cookie(call)
        if session_id and not is_csrf_token(session_id, form.get(CSRF_FIELD, "")):
            return _problem_page(_OLD, 403)
        await self._end(session_id)
        return see_other(LOGIN_PATH, self._set(call, ""))

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations of the log-in."""
        form: dict[str, Any] = {"schemes": frozenset(), "max_upload": MAX_FORM}
        return (
            handled(
                OperationKind.FETCH, "/login", self.show_form, None, input=LoginPage, schemes=frozenset()
            ),
            handled(OperationKind.CREATE, "/login", self.log_in, None, **form),
            handled(OperationKind.CREATE, "/logout", self.log_out, None, **form),
        )

    def _form(self, call: Call[Any], path: str, status: int = 200, problem: str = "") -> Response:
        session_id = self._cookie(call) or new_token()
        shown = _FORM.format(
            path=LOGIN_PATH,
            problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
            next=escape(path),
            field=CSRF_FIELD,
            csrf=csrf_token(session_id),
        )
        return html_response(framed("Trunkline: log in", shown), status, self._set(call, session_id))

    def _cookie(self, call: Call[Any]) -> str:
        return read_cookie(call.headers.get("cookie", ""), self._store.cookie)

    def _set(self, call: Call[Any], session_id: str) -> dict[str, str]:
        secure = call.base.startswith("https:")
        return {"Set-Cookie": sessions.set_cookie(self._store.cookie, session_id, secure=secure)}

    async def _resume(self, session_id: str) -> Principal | None:
        if not session_id:
            return None
        return await sessions.run(self._database, lambda tx: self._store.resume(tx, session_id))

    async def _require_account(self, principal: Principal, account_sid: str) -> None:
        """Raise ApiError if the principal may not act on an account."""
        if await self._database.read(lambda tx: act_on(tx, self._directory, principal, account_sid)) is None:
            raise ApiError(20404, _OTHER)

    async def _end(self, session_id: str) -> None:
        """End a session. Anybody may log out: without a session nothing is written."""
        if session_id:
            await sessions.run(self._database, lambda tx: self._store.close(tx, session_id))


def _own_page(path: str) -> str:
    """Return the page that a log-in leads to: one of this server, whatever was requested."""
    return path if _OWN_PAGE.fullmatch(path) else START_PATH


async def _read_form(call: Call[Any]) -> dict[str, str]:
    assert call.upload is not None
    body = await call.upload.read()
    return dict(form_data.parse_body(body, call.headers.get("content-type", "")))


def _problem_page(problem: str, status: int) -> Response:
    body = f'<p class="problem">{escape(problem)}</p>\n<p><a href="{START_PATH}">Trunkline</a></p>'
    return html_response(framed("Trunkline", body), status)


def _refuse_basic(form: str) -> Response:
    body = f'<h1>Trunkline</h1>\n<p>{_BASIC}</p>\n<p><a href="{form}">Log in</a></p>'
    return html_response(framed("Trunkline: log in", body), 401)
