"""The contract checker: what the vendor shows passes, and each kind of fault is caught."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

import contract
from contract.documents import FILES
from contract.good_responses import (
    AC,
    CHAT,
    IS,
    KEY,
    KEYS,
    KEYS_PAGE,
    LIST_URL,
    MESSAGING,
    MG,
    NOTIFY,
    SYNC,
    SYNC_PAGE,
)
from contract.schemas import samples

Json = dict[str, Any]

HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Twilio-Request-Id": "RQ" + "0f" * 16,
    "Twilio-Concurrent-Requests": "1",
}
SERVICE_PATH = f"/v1/Services/{IS}"

NOT_FOUND: Json = {
    "code": 20404,
    "message": "The requested resource /v1/Services/IS1 was not found",
    "more_info": "https://www.twilio.com/docs/errors/20404",
    "status": 404,
}

GONE = object()
"""Stands for a key that is taken out."""


@pytest.fixture
def node() -> Path:
    return contract.require_node()


def _with(body: Json, path: str, value: Any) -> Json:
    """Return a copy of a body with one place changed; `GONE` takes the key out."""
    copy = deepcopy(body)
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    place: Any = copy
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return copy


def _check(product: str, request: str, status: int, body: Any) -> None:
    method, path = request.split(" ", 1)
    contract.check_response(product, method, path, status, HEADERS, json.dumps(body).encode())


def _refused(product: str, request: str, status: int, body: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        _check(product, request, status, body)
    return str(caught.value).partition("\n  body: ")[0]


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("product", "request_line", "status", "body"),
    [
        ("sync", "POST /v1/Services", 201, SYNC),
        ("sync", f"GET {SERVICE_PATH}", 200, SYNC),
        ("sync", f"GET {SERVICE_PATH}/?x=1", 200, SYNC),
        ("sync", "GET /v1/Services?PageSize=50", 200, SYNC_PAGE),
        ("notify", f"POST {SERVICE_PATH}", 200, NOTIFY),
        ("messaging", f"GET /v1/Services/{MG}", 200, MESSAGING),
        ("chat", "POST /v1/Services", 201, CHAT),
        ("ip-messaging", f"GET {SERVICE_PATH}", 200, CHAT),
        ("api", f"GET {KEYS}", 200, KEYS_PAGE),
        ("api", f"GET {KEYS.removesuffix('.json')}", 200, KEYS_PAGE),
        ("api", f"POST {KEYS}", 201, {**KEY, "secret": "s"}),
        ("sync", f"GET {SERVICE_PATH}", 200, {**SYNC, "more": 1}),
    ],
)
def test_what_the_seed_shows_passes(product: str, request_line: str, status: int, body: Json) -> None:
    _check(product, request_line, status, body)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("unique_name", GONE, '"unique_name" is a required property'),
        ("sid", "ET" + "a" * 32, "/sid: "),
        ("sid", None, "/sid: "),
        ("links", None, "/links: "),
        ("links/maps", GONE, '"maps" is a required property'),
        ("links/maps", "/v1/Services/IS/Maps", "/links/maps: "),
        ("links/maps", None, "/links/maps: "),
        ("friendly_name", 5, "/friendly_name: 5 is not of type"),
        ("acl_enabled", "true", "/acl_enabled: "),
        ("reachability_debouncing_window", None, "/reachability_debouncing_window: null"),
        ("date_created", "2015-07-30T20:00:00.000Z", "/date_created: "),
        ("date_created", "2015-07-30T20:00:00+00:00", "/date_created: "),
        ("date_created", "2015-02-30T20:00:00Z", "/date_created: "),
        ("date_created", "Thu, 30 Jul 2015 20:00:00 +0000", "/date_created: "),
        ("date_created", None, "/date_created: "),
        ("url", "/v1/Services/IS", "/url: "),
        ("webhook_url", "ftp://example.com", "/webhook_url: "),
    ],
)
def test_a_fault_in_a_resource_is_caught(path: str, value: Any, fault: str) -> None:
    assert fault in _refused("sync", f"GET {SERVICE_PATH}", 200, _with(SYNC, path, value))


@pytest.mark.usefixtures("node")
def test_what_only_the_seed_shows_is_required_too() -> None:
    assert '"type"' in _refused("notify", f"GET {SERVICE_PATH}", 200, _with(NOTIFY, "type", GONE))
    assert '"users"' in _refused("notify", f"GET {SERVICE_PATH}", 200, _with(NOTIFY, "links/users", GONE))


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("meta/next_page_url", GONE, '"next_page_url" is a required property'),
        ("meta/next_page_url", "/v1/Services?Page=1", "/meta/next_page_url: "),
        ("meta/next_page_url", f"{LIST_URL}0&PageToken=PTx", "Page=1 expected"),
        ("meta/url", f"{LIST_URL}1&PageToken=PTx", "leads to this page again"),
        ("meta/first_page_url", f"{LIST_URL}2", "Page=0 expected"),
        ("meta/first_page_url", None, "/meta/first_page_url: null"),
        ("meta/key", "documents", "/meta/key: is 'documents'"),
        ("extra", [], "/meta/key: "),
        ("meta/page_size", 5000, "/meta/page_size: is 5000"),
        ("services", [SYNC] * 51, "51 rows"),
        ("services/0/sid", "x", "/services/0/sid: "),
        ("services", GONE, '"services" is a required property'),
    ],
)
def test_a_fault_in_a_page_is_caught(path: str, value: Any, fault: str) -> None:
    assert fault in _refused("sync", "GET /v1/Services", 200, _with(SYNC_PAGE, path, value))


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("extra", [], "one key beside the page's own"),
        ("end", 50, "/end: is 50, expected 1"),
        ("uri", f"https://api.twilio.com{KEYS}", "/uri: "),
        ("next_page_uri", f"{KEYS}?PageSize=50&Page=0", "Page=1 expected"),
        ("first_page_uri", f"{KEYS}?PageSize=20&Page=0", "PageSize=50 expected"),
        ("keys/1/date_created", "2015-07-30T20:00:00Z", "/keys/1/date_created: "),
        ("keys/0/date_created", "Tue, 13 Jun 2016 22:50:08 +0000", "/keys/0/date_created: "),
        ("keys/0/date_created", "Mon, 13 Jun 2016 22:50:08 GMT", "/keys/0/date_created: "),
    ],
)
def test_a_fault_in_a_2010_page_is_caught(path: str, value: Any, fault: str) -> None:
    assert fault in _refused("api", f"GET {KEYS}", 200, _with(KEYS_PAGE, path, value))


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("product", "request_line", "status", "fault"),
    [
        ("sync", "POST /v1/Services", 200, "may answer [201]"),
        ("sync", f"PUT {SERVICE_PATH}", 200, "has no PUT"),
        ("sync", "GET /v1/Nothing", 200, "no document of sync has this path"),
        ("sync", "GET /v9/Services", 200, "no document describes sync v9"),
        ("voice", "GET /v1/Services", 200, "no document describes voice v1"),
        ("sync", f"DELETE {SERVICE_PATH}", 204, "no body was expected"),
        ("sync", f"HEAD {SERVICE_PATH}", 200, "a HEAD answer has no body"),
    ],
)
def test_an_answer_that_no_document_lists_is_caught(
    product: str, request_line: str, status: int, fault: str
) -> None:
    assert fault in _refused(product, request_line, status, SYNC)


def test_an_empty_204_and_any_error_on_any_path_pass(node: Path) -> None:
    contract.check_response("sync", "DELETE", SERVICE_PATH, 204, HEADERS, b"")
    _check("sync", f"GET {SERVICE_PATH}", 404, NOT_FOUND)
    _check("sync", "PUT /v1/Nothing", 404, {**NOT_FOUND, "detail": "text", "details": {"a": 1}})


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("message", GONE, "an error has"),
        ("title", "Not Found", "an error has"),
        ("status", 400, "/status: is 400"),
        ("status", "404", "/status: is '404'"),
        ("code", "20404", "/code: "),
        ("code", True, "/code: "),
        ("message", "", "/message: "),
        ("more_info", "https://www.twilio.com/docs/errors/20003", "/more_info: "),
        ("more_info", "/docs/errors/20404", "/more_info: "),
        ("detail", 5, "/detail: "),
        ("details", "text", "/details: "),
    ],
)
def test_a_fault_in_an_error_is_caught(path: str, value: Any, fault: str) -> None:
    assert fault in _refused("sync", "GET /v1/Services/IS1", 404, _with(NOT_FOUND, path, value))


@pytest.mark.parametrize(
    ("status", "headers", "body", "fault"),
    [
        (404, {"Content-Type": "text/html"}, b"{}", "Content-Type"),
        (404, {}, b"<html>", "not JSON"),
        (404, {}, b'{"code": 1, "code": 2}', "twice"),
        (404, {}, b'{"code": NaN}', "NaN"),
        (404, {}, b"[]", "an error has"),
        (404, {"Twilio-Request-Id": "RQ1"}, b"{}", "Twilio-Request-Id"),
        (404, {"Twilio-Concurrent-Requests": ""}, b"{}", "Twilio-Concurrent-Requests"),
        (401, {}, b"{}", "WWW-Authenticate"),
        (429, {}, b"{}", "Retry-After"),
    ],
)
def test_a_fault_around_the_body_is_caught(
    status: int, headers: dict[str, str], body: bytes, fault: str
) -> None:
    with pytest.raises(AssertionError, match=fault):
        contract.check_response("sync", "GET", "/v1/Services/IS1", status, HEADERS | headers, body)


LEFT_OUT = {
    ("notify", "/v1/Services"): "lacks `type`, which the seed shows",
    ("notify", "/v1/Services/{Sid}"): "lacks `type`, which the seed shows",
    ("messaging", "/v1/a2p/BrandRegistrations/{BrandSid}/Vettings"): "its SID has ten characters",
    ("messaging", "/v1/a2p/BrandRegistrations/{BrandSid}/Vettings/{BrandVettingSid}"): "the same",
    ("messaging", "/v1/LinkShortening/Domains/{DomainSid}/ValidateDns"): "lacks `domain_sid`",
}
"""Samples of the vendor's that break the vendor's own contract."""
SERVED_2010 = re.compile(
    r"/Accounts(/\{Sid})?\.json|/(Signing)?Keys|Sid}/Messages|/IncomingPhoneNumbers(/[^/]+)?\.json|/SMS/"
)


def _vendor_samples(product: str, version: str) -> Iterator[tuple[str, int, Json]]:
    for template, item in contract.documents()[product, version].source["paths"].items():
        if (product, template) in LEFT_OUT or (product == "api" and not SERVED_2010.search(template)):
            continue
        for method in sorted(item.keys() & {"get", "post"}):
            for status, response in item[method]["responses"].items():
                one = {"paths": {template: {method: {"responses": {status: response}}}}}
                for _, value in samples(one):
                    yield f"{method} {re.sub('{[^}]+}', 'x', template)}", int(status), value


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(("product", "version"), sorted(FILES))
def test_the_vendors_own_samples_pass(product: str, version: str) -> None:
    shown = [sample for sample in _vendor_samples(product, version) if sample[1] < 400]
    assert shown
    for sample in shown:
        _check(product, *sample)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("product", "path", "template"),
    [
        ("messaging", "/v1/Services/Usecases", "/v1/Services/Usecases"),
        ("messaging", f"/v1/Services/{MG}", "/v1/Services/{Sid}"),
        ("sync", f"{SERVICE_PATH}/Maps/m/Items/a%2Fb", "/v1/Services/{ServiceSid}/Maps/{MapSid}/Items/{Key}"),
        ("sync", f"{SERVICE_PATH}/Maps/m/Items/a/b", "/v1/Services/{ServiceSid}/Maps/{MapSid}/Items/{Key}"),
        (
            "notify",
            f"{SERVICE_PATH}/Users/a/b/Bindings",
            "/v1/Services/{ServiceSid}/Users/{Identity}/Bindings",
        ),
        ("notify", f"{SERVICE_PATH}/Users/a/b", "/v1/Services/{ServiceSid}/Users/{Identity}"),
    ],
)
def test_the_most_specific_template_is_found(product: str, path: str, template: str) -> None:
    assert contract.documents()[product, "v1"].template(path) == template


@pytest.mark.usefixtures("node")
def test_media_is_json_only_with_the_suffix() -> None:
    media = f"/2010-04-01/Accounts/{AC}/Messages/MM{'a' * 32}/Media/ME{'a' * 32}"
    png = {**HEADERS, "Content-Type": "image/png"}
    contract.check_response("api", "GET", media, 200, png, b"\x89PNG")
    with pytest.raises(AssertionError, match="image/png"):
        contract.check_response("api", "GET", f"{media}.json", 200, png, b"\x89PNG")


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("sync.dublin.ie1.twilio.com", "/v1/Services", ("sync", "/v1/Services")),
        ("IP-Messaging.localhost:8080", "/v2/Services", ("ip-messaging", "/v2/Services")),
        ("127.0.0.1:8080", "/chat/v2/Services", ("chat", "/v2/Services")),
        ("testserver", "/api/2010-04-01/Accounts.json", ("api", "/2010-04-01/Accounts.json")),
        ("testserver", "/2010-04-01/Accounts.json", ("api", "/2010-04-01/Accounts.json")),
        ("testserver", "/v1/Keys/SK1", ("iam", "/v1/Keys/SK1")),
        ("testserver", "/v1/Services", None),
    ],
)
def test_host_or_path_names_the_product(host: str, path: str, expected: tuple[str, str] | None) -> None:
    assert contract.product_of(host, path) == expected


def _request(url: str, status: int, body: Json) -> httpx.Response:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers={**HEADERS, "Content-Type": "application/json"})

    async def send() -> httpx.Response:
        transport = httpx.MockTransport(respond)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await contract.CheckedClient(client).get(url)

    return asyncio.run(send())


@pytest.mark.usefixtures("node")
def test_the_checked_client_hands_on_good_answers_and_raises_on_bad_ones() -> None:
    assert _request(f"/sync{SERVICE_PATH}?a=b", 200, SYNC).json() == SYNC
    with pytest.raises(AssertionError, match="unique_name"):
        _request(f"/sync{SERVICE_PATH}", 200, _with(SYNC, "unique_name", GONE))
    with pytest.raises(AssertionError, match="unknown product"):
        _request("/v1/Services", 200, SYNC)
    assert _request("/v1/Services", 404, NOT_FOUND).status_code == 404
    assert _request("/_trunkline/health", 200, {}).json() == {}


@pytest.mark.usefixtures("node")
def test_operations_that_only_older_sdks_know_are_checked_too() -> None:
    url = f"https://notify.twilio.com/v1/Services/{IS}/Users/ann"
    user = {
        "sid": f"NU{'a' * 32}",
        "account_sid": AC,
        "service_sid": IS,
        "identity": "ann",
        "date_created": "2016-03-09T20:22:31Z",
        "date_updated": "2016-03-09T20:22:31Z",
        "segments": [],
        "url": url,
        "links": {"bindings": f"{url}/Bindings", "segment_memberships": f"{url}/SegmentMemberships"},
    }
    _check("notify", f"POST {SERVICE_PATH}/Users", 201, user)
    assert '"segments"' in _refused(
        "notify", f"GET {SERVICE_PATH}/Users/ann", 200, _with(user, "segments", GONE)
    )
