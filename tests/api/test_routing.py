"""The way of a request to its product, and the headers of every response."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

REQUEST_ID = re.compile(r"RQ[0-9a-f]{32}")
ALWAYS = {
    "access-control-allow-origin": "*",
    "access-control-allow-credentials": "true",
    "x-home-region": "us1",
}


def test_every_way_to_a_product_leads_to_the_same_service_and_back(api: Api) -> None:
    made = api.post("/sync/v1/Services", {"FriendlyName": "one"}).json()
    ways = [
        "http://127.0.0.1:8080/sync",
        "http://[::1]:8080/sync",
        "http://localhost/sync",
        "http://sync.twilio.com",
        "https://sync.twilio.com",
        "http://sync.ie1.twilio.com",
        "http://sync.dublin.us1.twilio.com:8443",
        "http://sync.localhost:8080",
    ]
    for base in ways:
        found = api.get(f"{base}/v1/Services")
        assert found.status_code == 200, base
        [service] = found.json()["services"]
        assert service["sid"] == made["sid"]
        assert service["url"] == f"{base}/v1/Services/{made['sid']}"
        assert found.json()["meta"]["url"] == f"{base}/v1/Services?PageSize=50&Page=0"
        assert api.get(service["url"]).json() == service


def test_paths_that_one_product_has_work_on_any_host(api: Api) -> None:
    assert api.get("/2010-04-01/Accounts.json").json()["accounts"][0]["sid"] == ACCOUNT_SID
    assert api.get("/v1/Keys", {"AccountSid": ACCOUNT_SID}).json()["keys"] == []
    assert_error(api.delete("/v1/AuthTokens/Secondary"), 404, 20404)
    assert_error(api.get("/v1/Services"), 404, 20404)


class TestDefaultProduct:
    """A listener may have a product for paths that name none."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"default_product": "sync"}

    def test_paths_that_name_no_product_are_its(self, api: Api) -> None:
        # Outside the contract's own addresses, so the answer is not held against the documents.
        response = api.run(api._client.client.get("/v1/Services"))
        assert response.json()["meta"]["key"] == "services"
        assert response.json()["meta"]["url"].startswith("http://127.0.0.1:8080/v1/Services?")


UNKNOWN = [
    ("/sync", "/"),
    ("/sync/v1", "/"),
    ("/sync/v1/", "/"),
    ("/sync/v2/Services", "/v2/Services"),
    ("/sync/v1/services", "/services"),
    ("/sync/v1/Services/IS1/Nope", "/Services/IS1/Nope"),
    ("/sync/v1/Services/IS1/Streams/TO1/Permissions", "/Services/IS1/Streams/TO1/Permissions"),
    ("/sync/v1/Services/IS1/Streams/TO1/v1/x%20y", "/Services/IS1/Streams/TO1/v1/x%20y"),
    ("/chat/v2/Services/IS1/Nope", "/Services/IS1/Nope"),
    ("/ip-messaging/v1/Nope", "/Nope"),
    ("/notify/v1/Nope", "/Nope"),
    ("/messaging/v1/Nope", "/v1/Nope"),
    ("/nope/v1/Services", "/nope/v1/Services"),
    ("/2010-04-01/Nope.json", "/2010-04-01/Nope.json"),
    ("/2010-04-01/Accounts.csv", "/2010-04-01/Accounts.csv"),
    ("/2010-04-01/Accounts.xml", "/2010-04-01/Accounts.xml"),
    ("/index.html", "/index.html"),
    ("/favicon.ico", "/favicon.ico"),
]


def test_an_unknown_route_is_a_404_that_names_the_path_also_without_credentials(api: Api) -> None:
    for path, named in UNKNOWN:
        for options in ({}, {"auth": None}):
            body = assert_error(api.get(path, **options), 404, 20404)
            assert body["message"] == f"The requested resource {named} was not found"


def test_another_method_on_a_known_path_is_a_405(api: Api) -> None:
    sid = api.post("/sync/v1/Services").json()["sid"]
    for method, path, allowed in (
        ("PUT", f"/sync/v1/Services/{sid}", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("PATCH", f"/sync/v1/Services/{sid}", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("PROPFIND", "/sync/v1/Services", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/sync/v1/Services", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", f"/2010-04-01/Accounts/{ACCOUNT_SID}.json", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v1/AuthTokens/Promote", "OPTIONS, POST"),
    ):
        response = api.request(method, path)
        assert_error(response, 405, 20004)
        assert response.headers["allow"] == allowed
    assert api.get(f"/sync/v1/Services/{sid}").status_code == 200


def test_nothing_redirects_and_one_trailing_slash_is_tolerated(api: Api) -> None:
    sid = api.post("/sync/v1/Services/").json()["sid"]
    assert api.get(f"/sync/v1/Services/{sid}/").json()["sid"] == sid
    assert_error(api.get(f"/sync/v1/Services/{sid}//"), 404, 20404)


def test_every_answer_carries_the_standard_headers(api: Api) -> None:
    ids = set()
    for response, domain, concurrent in (
        (api.post("/sync/v1/Services"), "sync", "1"),
        (api.get("/sync/v1/Services"), "sync", "1"),
        (api.get("/2010-04-01/Accounts.json"), "api", "1"),
        (api.get("/sync/v1/Services", {"PageSize": "x"}), "sync", "1"),
        (api.get("/sync/v1/Services", auth=None), "sync", "0"),
        (api.get("/nope"), "api", "0"),
        (api.request("OPTIONS", "/sync/v1/Services", auth=None), "sync", "0"),
    ):
        assert ALWAYS.items() <= dict(response.headers).items()
        assert REQUEST_ID.fullmatch(response.headers["twilio-request-id"])
        assert re.fullmatch(r"\d+\.\d{3}", response.headers["twilio-request-duration"])
        assert response.headers["twilio-concurrent-requests"] == concurrent
        assert response.headers["x-api-domain"] == f"{domain}.twilio.com"
        assert response.headers["content-type"] == "application/json"
        assert len(response.headers) == len(response.headers.raw), "a header is repeated"
        ids.add(response.headers["twilio-request-id"])
    assert len(ids) == 7


def test_a_preflight_succeeds_without_credentials_on_any_path(api: Api) -> None:
    for path in ("/sync/v1/Services", "/2010-04-01/Accounts.json", "/nope"):
        response = api.request(
            "OPTIONS",
            path,
            auth=None,
            headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
        )
        assert (response.status_code, response.content) == (200, b"{}")
        allowed = response.headers["access-control-allow-headers"].split(", ")
        assert {"Authorization", "Content-Type", "If-Match", "X-Twilio-Webhook-Enabled"} <= set(allowed)
        methods = response.headers["access-control-allow-methods"].split(", ")
        assert {"GET", "POST", "DELETE", "OPTIONS"} <= set(methods)


def test_head_is_get_without_a_body(api: Api) -> None:
    made = api.post("/sync/v1/Services").json()
    for path in (
        "/sync/v1/Services",
        f"/sync/v1/Services/{made['sid']}",
        "/sync/v1/Services/nope",
        "/_trunkline/health",
    ):
        get, head = api.get(path), api.run(api._client.client.head(path))
        assert (head.status_code, head.content) == (get.status_code, b"")
        if "health" not in path:
            assert head.headers["content-length"] == str(len(get.content))


def test_a_delete_has_no_body_and_a_second_one_finds_nothing(api: Api) -> None:
    url = api.post("/sync/v1/Services").json()["url"]
    gone = api.delete(url)
    assert (gone.status_code, gone.content) == (204, b"")
    assert "content-type" not in gone.headers
    assert api.delete(url).status_code == 404


@pytest.mark.parametrize(
    ("trusted", "forwarded", "scheme"),
    [
        ("127.0.0.0/8", "https", "https"),
        ("127.0.0.0/8", "HTTPS", "https"),
        ("127.0.0.0/8", "gopher", "http"),
        ("10.0.0.0/8, ::1/128", "https", "http"),
        ("", "https", "http"),
    ],
)
def test_the_scheme_of_urls_is_a_trusted_proxys_to_tell(
    api: Api, trusted: str, forwarded: str, scheme: str
) -> None:
    import msgspec

    from trunkline.settings import Settings

    networks = Settings.of(trusted_proxies=trusted).server.proxy_networks()
    door = api.node.application._door
    api.node.application._door = msgspec.structs.replace(door, trusted_proxies=networks)
    response = api.post("/sync/v1/Services", headers={"X-Forwarded-Proto": forwarded})
    assert response.json()["url"].startswith(f"{scheme}://127.0.0.1:8080/sync/v1/")


def test_parameters_may_stand_in_the_query_and_the_body_counts_first(api: Api) -> None:
    made = api.post("/sync/v1/Services?FriendlyName=query&AclEnabled=TRUE", {"FriendlyName": "body"}).json()
    assert (made["friendly_name"], made["acl_enabled"]) == ("body", True)


def test_a_list_call_with_a_forms_content_type_and_no_body_is_served(api: Api) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api.get("/sync/v1/Services", headers=kind).status_code == 200


class TestLinks:
    """The page of links, at the root of a host that names no product."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"default_product": "sync"}

    def test_a_page_shows_where_everything_is(self, api: Api) -> None:
        for path in ("/", "/_trunkline", "/_trunkline/", "http://trunk.example/"):
            page = api.get(path, auth=None)
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            for name in ("inbox", "login", "health", "metrics"):
                assert f'href="/_trunkline/{name}"' in page.text
            assert (
                f"{'http://trunk.example' if 'trunk.' in path else 'http://127.0.0.1:8080'}/sync/v1"
                in page.text
            )
            head = api.run(api._client.client.head(path))
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == page.headers["content-length"]

    def test_a_client_that_accepts_json_gets_it(self, api: Api) -> None:
        for path in ("/", "/_trunkline/"):
            links = api.get(path, auth=None, headers={"Accept": "application/json"}).json()
            assert links["inbox"] == "http://127.0.0.1:8080/_trunkline/inbox"
            assert "http://127.0.0.1:8080/api/2010-04-01" in links["apis"]
            assert len(links["apis"]) == len(set(links["apis"]))

    def test_a_products_root_and_other_methods_stay_errors(self, api: Api) -> None:
        for path in ("http://sync.twilio.com/", "https://api.twilio.com/", "/sync", "/sync/"):
            assert_error(api.get(path), 404, 20404)
        for method in ("POST", "DELETE"):
            for path in ("/", "/_trunkline"):
                assert_error(api.request(method, path), 405, 20004)
