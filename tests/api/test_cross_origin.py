"""Requests that a page of another origin lets a browser send with the browser's credentials: refused on every door."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, OPERATOR, Api, assert_error
from trunkline.settings import Settings

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""A request is refused before the database is used."""

LISTED = "https://app.example"
EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
SID = "0" * 32
TEXT = {"Content-Type": "text/plain"}

DOORS = [
    ("POST", "/sync/v1/Services"),
    ("POST", "http://sync.twilio.com/v1/Services"),
    ("POST", "https://sync.twilio.com/v1/Services"),
    ("POST", "/2010-04-01/Accounts.json"),
    ("POST", "https://accounts.twilio.com/v1/AuthTokens/Promote"),
    ("PUT", "/sync/v1/Services"),
    ("DELETE", f"/sync/v1/Services/IS{SID}"),
    ("POST", "/nowhere"),
    ("POST", "/"),
    ("POST", "/AbCdEfGhIj"),
    ("DELETE", f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/SM{SID}/Media/ME{SID}"),
    ("POST", f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/SM{SID}/Media/ME{SID}"),
    ("POST", "/_trunkline/inbox/messages"),
    ("DELETE", "/_trunkline/inbox/messages"),
    ("POST", "/_trunkline/opt-outs"),
    ("POST", "/_trunkline/numbers"),
    ("POST", "/_trunkline/nowhere"),
    ("POST", "/_trunkline"),
]


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"browser_origins": LISTED, "public_url": "https://trunkline.example/"}


async def _unread() -> Any:
    raise AssertionError("the body was read")


def test_no_door_looks_at_more_than_the_marks(api: Api) -> None:
    # Wrong credentials and a path that does not exist make no difference.
    for method, url in DOORS:
        for auth in ((ACCOUNT_SID, AUTH_TOKEN), OPERATOR, ("x", "y")):
            for marks in (EVIL, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
                response = api.request(method, url, auth=auth, headers={**marks, **TEXT})
                assert_error(response, 403, 20403)
                assert "browser_origins" in response.json()["message"]
                assert "www-authenticate" not in response.headers
    assert api.get("/sync/v1/Services").json()["services"] == []


def test_the_body_is_not_read(api: Api) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    basic = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode())
    for path in (b"/sync/v1/Services", b"/_trunkline/inbox/messages"):
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "raw_path": path,
            "query_string": b"",
            "client": ("127.0.0.1", 1),
            "headers": [
                (b"host", b"127.0.0.1:8080"),
                (b"authorization", b"Basic " + basic),
                (b"origin", b"http://127.0.0.1:9090"),
                (b"content-length", b"9"),
            ],
        }
        api.run(api.node.application(scope, _unread, send))
    assert [message["status"] for message in sent if "status" in message] == [403, 403]


def test_reads_sdks_bearer_tokens_and_the_own_origin_pass(api: Api) -> None:
    services = "/sync/v1/Services"
    assert api.get(services, headers=EVIL).status_code == 200
    assert api.request("HEAD", services, headers=EVIL).status_code == 200
    assert api.post(services).status_code == 201
    own = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}
    assert api.post(services, headers=own).status_code == 201
    assert api.post(services, headers={"Sec-Fetch-Site": "none"}).status_code == 201
    tunnelled = {"Origin": "https://sync.twilio.com"}
    assert api.post("https://sync.twilio.com/v1/Services", headers=tunnelled).status_code == 201
    bearer = {"Authorization": f"Bearer {OPERATOR[1]}", **EVIL}
    made = api.post("/_trunkline/numbers", {"Number": "+14155550123"}, auth=None, headers=bearer)
    assert made.status_code == 201
    # Without credentials there is nothing to misuse.
    assert_error(api.post(services, auth=None, headers=EVIL), 401, 20003)


def test_a_listed_origin_passes_and_is_named(api: Api) -> None:
    services = "/sync/v1/Services"
    marks = {"Origin": LISTED, "Sec-Fetch-Site": "cross-site"}
    requested = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for response, status in (
        (api.request("OPTIONS", services, auth=None, headers={**marks, **requested}), 200),
        (api.post(services, headers=marks), 201),
        (api.get(services, headers=marks), 200),
        (api.get(services, auth=None, headers=marks), 401),
    ):
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == LISTED
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["vary"] == "Origin"
        assert "authorization" in response.headers["access-control-allow-headers"].lower()
    for headers in ({}, EVIL, {"Origin": f"{LISTED}.evil.example"}):
        response = api.get(services, headers=headers)
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["vary"] == "Origin"
    # The control API stays closed to the script of every page, and takes a form of a listed one.
    opt_out = {"Scope": "+14155550100", "Recipient": "+14155550101"}
    posted = api.post("/_trunkline/opt-outs", opt_out, headers=marks)
    assert posted.status_code != 403
    assert "access-control-allow-origin" not in posted.headers


def test_the_own_origin_is_known_behind_a_proxy_that_ends_tls(api: Api) -> None:
    services = "/sync/v1/Services"

    def status(origin: str, trusted: str = "127.0.0.0/8", **headers: str) -> int:
        networks = Settings.of(trusted_proxies=trusted).server.proxy_networks()
        door = api.node.application._door
        api.node.application._door = msgspec.structs.replace(door, trusted_proxies=networks)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return api.post(services, headers={"Origin": origin, **named}).status_code

    https = {"X_Forwarded_Proto": "https"}
    assert status("https://inner.example", Host="inner.example", **https) == 201
    assert status("https://inner.example", X_Forwarded_Host="inner.example", **https) == 201
    assert status("https://inner.example", X_Forwarded_Host="INNER.example:443, inner", **https) == 201
    assert status("https://trunkline.example") == 201
    assert status("http://trunkline.example") == 403
    assert status("http://inner.example", Host="inner.example", **https) == 403
    assert status("https://inner.example", Host="inner.example") == 403
    # One that sends no headers of its own: a browser that says so decides.
    assert status("https://inner.example", Host="inner.example", Sec_Fetch_Site="same-origin") == 201
    assert status("https://inner.example", "10.0.0.0/8", X_Forwarded_Host="inner.example", **https) == 403
    assert status("https://inner.example", "", Host="inner.example", **https) == 403
