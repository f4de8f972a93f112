"""Resources that exist while requests are made: one for each place in a path that needs one."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import requests
from schemathesis import Case

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api
from api.messaging.stock import TO, US, own, stand_still

RECIPES: dict[str, dict[str, str]] = {
    "Accounts": {"FriendlyName": "sub"},
    "AlphaSenders": {"AlphaSender": "Owl"},
    "BrandRegistrations": {
        "CustomerProfileBundleSid": "BU" + "1" * 32,
        "A2PProfileBundleSid": "BU" + "2" * 32,
    },
    "DestinationAlphaSenders": {"AlphaSender": "Owl"},
    "Documents": {"Data": '{"a": 1}'},
    "Items": {"Key": "k", "Data": '{"a": 1}'},
    "Keys": {"AccountSid": ACCOUNT_SID, "FriendlyName": "key"},
    "Lists": {},
    "Maps": {},
    "Messages": {"From": US, "To": TO, "Body": "Hello"},
    "Permissions": {"Read": "true", "Write": "true", "Manage": "false"},
    "Roles": {"FriendlyName": "role", "Type": "channel", "Permission": "sendMessage"},
    "Services": {"FriendlyName": "service"},
    "SigningKeys": {"FriendlyName": "key"},
    "Streams": {},
    "Vettings": {"VettingProvider": "aegis"},
}
"""By collection: what creates a member."""

IDENTITY = "alice"
_VARIABLE = re.compile(r"\{\w+\}")


def name_of(body: dict[str, Any]) -> str:
    """Return the path to a resource below its collection, as it stands in a path."""
    value = next(body[key] for key in ("index", "key", "sid", "identity", "brand_vetting_sid") if key in body)
    return quote(str(value), safe="")


class World:
    """A sender of requests that keeps alive what they need."""

    def __init__(self, api: Api, product: str) -> None:
        self._api = api
        self._product = product
        self.engine = api.node.database.name
        self._token = AUTH_TOKEN
        self._there: dict[str, str] = {}
        self.statuses: dict[int, int] = {}
        if product == "api":
            own(api, US, rate=10_000_000, mms=True)
            stand_still(api)

    def path(self, template: str) -> str:
        """Return a template filled with the resources that exist."""
        if template.endswith("/Promote"):
            self.send("POST", template.replace("Promote", "Secondary"), {})
        while found := _VARIABLE.search(template):
            start = template[: found.start()]
            name = ACCOUNT_SID if found[0] == "{AccountSid}" else self._member(start)
            template = f"{start}{name}{template[found.end() :]}"
        return template

    def _member(self, collection: str) -> str:
        if collection not in self._there:
            form = RECIPES[collection.rstrip("/").rpartition("/")[2]]
            if collection.endswith("/Permissions/"):
                path = collection + IDENTITY
            else:
                path = collection.rstrip("/") + (".json" if self._product == "api" else "")
            made = self.send("POST", path, form)
            assert made.status_code in (200, 201), made.text
            self._there[collection] = name_of(made.json())
        return self._there[collection]

    def send(self, method: str, path: str, form: dict[str, str]) -> httpx.Response:
        """Send a plain request."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._request(
            method, f"/{self._product}{path}", str(httpx.QueryParams(form)).encode(), headers
        )

    def follow(self, link: str) -> httpx.Response:
        """Get a link of an answer: a URL, or a path below the product's prefix."""
        return self._request("GET", link if "://" in link else f"/{self._product}{link}", None, {})

    def play(self, case: Case, path: str | None) -> httpx.Response:
        """Send a request of Schemathesis, with its own path or with another one."""
        request = requests.Request(
            **_plain(case.as_transport_kwargs(f"http://127.0.0.1:8080/{self._product}"))
        ).prepare()
        url = request.url or ""
        if path is not None:
            query = url.partition("?")[2]
            url = f"/{self._product}{path}?{query}" if query else f"/{self._product}{path}"
        body = request.body.encode() if isinstance(request.body, str) else request.body
        return self._request(case.method.upper(), url, body, dict(request.headers))

    def _request(self, method: str, url: str, body: Any, headers: dict[str, Any]) -> httpx.Response:
        lines = [(_bytes(name), _bytes(value)) for name, value in headers.items()]
        response = self._api.request(
            method, url, content=body, headers=lines, auth=(ACCOUNT_SID, self._token)
        )
        status = response.status_code
        self.statuses[status] = self.statuses.get(status, 0) + 1
        assert status < 500, (
            f"{method} {url} {lines} {body!r} answered {status} on {self.engine}: {response.text}"
        )
        if status < 300:
            self._learn(method, url, response)
        return response

    def _learn(self, method: str, url: str, response: httpx.Response) -> None:
        path = url.partition("?")[0].partition(f"/{self._product}/")[2]
        if method == "DELETE":
            gone = "/" + path.removesuffix(".json")
            self._there = {
                start: name
                for start, name in self._there.items()
                if start + name != gone and not start.startswith(gone + "/")
            }
        elif path.endswith("AuthTokens/Promote"):
            self._token = response.json()["auth_token"]
        elif method == "POST" and response.json().get("status", "active") != "active":
            self._there.clear()


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name in arguments if name not in ("timeout", "verify", "cert")}


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("latin-1")
