"""A browser that logs in to the pages."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import httpx

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api

LOGIN, LOGOUT, INBOX = "/_trunkline/login", "/_trunkline/logout", "/_trunkline/inbox"
LINES = f"{INBOX}/messages"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Pair = tuple[str, str]


class Browser:
    """A browser that keeps one cookie and sends no credentials of its own."""

    def __init__(self, api: Api, base: str = "") -> None:
        self._api = api
        self._base = base
        self.cookie = self.attributes = ""

    def send(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        """Send a request, and keep the cookie that comes back."""
        sent = {**({"Cookie": self.cookie} if self.cookie else {}), **(FORM if form is not None else {})}
        response = self._api.request(
            method,
            f"{self._base}{path}",
            auth=None,
            content=None if form is None else urlencode(form),
            headers={**sent, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
        # The client of all tests keeps cookies, too.
        self._api._http.cookies.clear()
        if "set-cookie" in response.headers:
            self.cookie, _, self.attributes = response.headers["set-cookie"].partition("; ")
        return response

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Send a GET request."""
        return self.send("GET", path, **headers)

    def log_in(
        self, pair: Pair = (ACCOUNT_SID, AUTH_TOKEN), following: str = "", **headers: str
    ) -> httpx.Response:
        """Fill in the form."""
        page = self.get(f"{LOGIN}?{urlencode({'Next': following})}")
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', page.text))
        form = {name: unescape(value) for name, value in hidden.items()}
        return self.send("POST", LOGIN, {**form, "username": pair[0], "password": pair[1]}, **headers)

    def csrf(self) -> str:
        """Return the token that the inbox holds."""
        return re.findall(r'<meta name="csrf" content="(\w+)">', self.get(INBOX).text)[0]

    @property
    def lasts(self) -> bool:
        """True if the session is good for a page and for an operation; False if it is for neither."""
        status = self.get(LINES).status_code
        assert (self.get(INBOX).status_code, status) in ((200, 200), (303, 401))
        return status == 200
