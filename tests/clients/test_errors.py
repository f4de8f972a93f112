"""The SDK's exception for a failed request, as a program can read it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from clients.asking import Account, Client, SdkError
from clients.sdks import NODE_SDKS
from clients.services import KINDS, MESSAGING, SYNC, Kind
from servers import Server

UNKNOWN = "0" * 32


def check(client: Client, error: SdkError, status: int, code: int, text: str) -> None:
    """Check class, status, code and text as this SDK exposes them; ``text`` is part of the server's message."""
    details = error.details
    assert (details["status"], details["code"]) == (status, code), details
    assert text in details["msg"]
    if client.sdk in NODE_SDKS:
        assert details["kind"] == "RestException"
        assert details["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    else:
        assert details["kind"] == "TwilioRestException"
        assert f"HTTP {status} error: " in details["text"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.chain)
def test_unknown_and_foreign_services(client: Client, http: httpx.Client, kind: Kind) -> None:
    path = f"/{kind.label}/{kind.version}/Services"
    foreign = http.post(path, data={"FriendlyName": "of another account"}).json()["sid"]
    for sid in (kind.prefix + UNKNOWN, foreign):
        status, code, text = 404, 20404, "not found"
        if kind is SYNC:
            status, code = (403, 54056) if sid == foreign else (404, 54050)
            text = "Service Instance"
        for method in ("fetch", "update", "delete"):
            parameters = {"FriendlyName": "mine"} if method == "update" else {}
            check(client, client.refused(f"{kind.chain}({sid})", method, **parameters), status, code, text)
    assert http.delete(f"{path}/{foreign}").status_code == 204


BAD: list[tuple[str, dict[str, Any], int, str]] = [
    ("sync.v1.services", {"FriendlyName": "x" * 256}, 54053, "friendly name"),
    ("sync.v1.services", {"WebhookUrl": "nowhere"}, 54051, "webhook URL"),
    ("notify.v1.services", {"FriendlyName": "x" * 65}, 20002, "FriendlyName"),
    ("notify.v1.services", {"ApnCredentialSid": "CR1"}, 20001, "ApnCredentialSid"),
    ("notify.v1.services", {"LogEnabled": "maybe"}, 20001, "LogEnabled"),
    ("messaging.v1.services", {"FriendlyName": "x", "InboundMethod": "PUT"}, 21209, "Method"),
    (
        "messaging.v1.services",
        {"FriendlyName": "x", "ValidityPeriod": "abc"},
        20001,
        "ValidityPeriod",
    ),
    ("messaging.v1.services", {"FriendlyName": "x", "FallbackUrl": "ftp://a/"}, 21205, "URL"),
    ("chat.v1.services", {"FriendlyName": ""}, 50000, "FriendlyName"),
    ("chat.v2.services", {"FriendlyName": "x" * 257}, 50003, "long"),
    ("ip_messaging.v1.services", {"FriendlyName": "x" * 65}, 50003, "long"),
]


@pytest.mark.parametrize(("chain", "parameters", "code", "text"), BAD)
def test_bad_parameters(client: Client, chain: str, parameters: dict[str, Any], code: int, text: str) -> None:
    """Check also that nothing has been made."""
    check(client, client.refused(chain, "create", **parameters), 400, code, text)
    assert client.call(chain, "list") == []


@pytest.mark.parametrize("wrong", ["token", "account"])
def test_wrong_credentials(client: Client, account: Account, wrong: str) -> None:
    stranger = client.but(**{"password": "0" * 32} if wrong == "token" else {"username": "AC" + UNKNOWN})
    check(client, stranger.refused(MESSAGING.chain, "create", FriendlyName="x"), 401, 20003, "Authenticate")


def test_a_list_that_is_refused(client: Client) -> None:
    """Check the text alone: Python's exception for a page has neither status nor code, but the server's
    words.
    """
    error = client.refused("chat.v2.services(IS" + UNKNOWN + ").roles", "list")
    if client.sdk in NODE_SDKS:
        check(client, error, 403, 50050, "Service instance not found")
    else:
        assert (error.details["kind"], error.status, error.code) == ("TwilioException", None, None)
        assert "HTTP 403 " in error.details["text"]
        assert '"code":50050,"message":"Service instance not found"' in error.details["text"]


def test_page_sizes_that_are_none(client: Client) -> None:
    for size in (0, -1, "many"):
        error = client.refused(MESSAGING.chain, "page", PageSize=size)
        assert "Invalid parameter PageSize" in error.details["text"]
        assert error.status == (400 if client.sdk in NODE_SDKS else None)


def test_what_no_sdk_sends(server: Server, http: httpx.Client) -> None:
    path = f"/sync/v1/Services/IS{UNKNOWN}"
    response = http.put(path, data={"FriendlyName": "x"})
    assert (response.status_code, response.json()["code"]) == (405, 20004)
    response = http.get("/sync/v1/Nothing")
    assert (response.status_code, response.json()["code"]) == (404, 20404)
    response = httpx.get(server.url + path, verify=False)
    assert (response.status_code, response.json()["code"]) == (401, 20003)
    assert response.headers["www-authenticate"].startswith("Basic ")
    for one in (response, http.get("/sync/v1/Services")):
        assert one.headers["twilio-request-id"].startswith("RQ")
