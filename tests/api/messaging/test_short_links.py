"""Messages with short links, and what becomes of whoever follows one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from twilio.request_validator import RequestValidator

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, OPERATOR, Api, assert_error
from api.messaging.apps import App, alerts, app, response, settle
from api.messaging.domains import (
    CONTROL,
    LINKS,
    NAME,
    associate,
    certificate,
    give,
    in_days,
    private_key,
    visit,
)
from api.messaging.outcomes import phone, reaches
from api.messaging.stock import MESSAGES, TO, TO_GB, US, own, send, service
from trunkline.products.messaging.links.shortening import LIFETIME

DAY = 24 * 3600
SHORT = rf"https://{re.escape(NAME)}/([A-Za-z0-9]{{10}})"

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Traffic on the network does not depend on the engine."""


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True, "geo_permissions": "US,GB"}


@pytest.fixture
def web(api: Api) -> Iterator[App]:
    """Yield the server that is notified of clicks."""
    with app(api) as running:
        yield running


class Shop:
    """A Service whose links lead over a domain."""

    def __init__(self, api: Api, name: str = NAME, **config: str) -> None:
        self.api = api
        self.name = name
        self.domain = give(api, name)
        self.service = service(api, own(api, US, rate=10_000_000))
        assert associate(api, self.domain, self.service).status_code == 201
        self.configure(**config)

    def configure(self, **config: str) -> None:
        response = self.api.post(f"{LINKS}/Domains/{self.domain}/Config", config)
        assert response.status_code == 201, response.text

    def send(self, body: str, **form: Any) -> dict[str, Any]:
        """Return a message with short links, once it has ended."""
        form = {"MessagingServiceSid": self.service, "Body": body, "ShortenUrls": "true", **form}
        return reaches(self.api, send(self.api, **form)["sid"], "delivered", "failed")

    def received(self, body: str, **form: Any) -> str:
        """Return what the phone shows of a message."""
        shown = self.send(body, **form)
        assert (shown["status"], shown["body"]) == ("delivered", body), "the message itself keeps its links"
        return phone(self.api, form.get("To", TO))[-1].body

    def link(self, url: str) -> str:
        """Return the path of a new short link."""
        found = re.fullmatch(rf"(?:https://)?{re.escape(self.name)}(/\w{{10}})", self.received(url))
        assert found
        return found[1]


def count(api: Api, table: str = "short_links") -> int:
    found: int = api.run(api.node.database.read(lambda tx: tx.value(f"SELECT count(*) FROM {table}")))
    return found


def test_each_link_becomes_short_and_leads_on(api: Api) -> None:
    shop = Shop(api)
    text = (
        "See https://example.com/a?x=1&y=2#top, (HTTP://example.com/b) and https://example.com/a?x=1&y=2#top!"
    )
    received = shop.received(text)
    found = re.fullmatch(rf"See {SHORT}, \({SHORT}\) and {SHORT}!", received)
    assert found, received
    first, second, third = found.groups()
    assert (first == third, first == second) == (True, False), "one address has one link in a message"
    for code, url in [(first, "https://example.com/a?x=1&y=2#top"), (second, "http://example.com/b")]:
        for host in (NAME, NAME.upper() + ":443", NAME + "."):
            led = visit(api, f"/{code}", host)
            assert (led.status_code, led.headers["location"], led.content) == (302, url, b"")
            assert led.headers["cache-control"] == "no-store"
    assert f"/{first}" not in shop.received("https://example.com/a?x=1&y=2#top"), "each message has its own"
    assert count(api) == 3


@ONE_ENGINE
def test_texts_in_which_little_is_to_be_shortened(api: Api) -> None:
    shop = Shop(api)
    short = f"https://{NAME}{shop.link('https://example.com')}"
    made = count(api)
    for text in [
        "no link",
        "example.com",
        "https://",
        "ftp://example.com/a",
        short,
        f"HTTPS://{NAME.upper()}/x",
    ]:
        assert shop.received(text) == text
    assert count(api) == made
    mixed = shop.received(f"{short} https://example.com")
    assert re.fullmatch(rf"{short} {SHORT}", mixed)
    assert shop.received("https://example.com", ShortenUrls="false") == "https://example.com"
    assert count(api) == made + 1


@ONE_ENGINE
def test_segments_are_those_of_the_short_text(api: Api) -> None:
    shop = Shop(api)
    long = shop.send("Look: https://example.com/" + "x" * 400)
    assert (long["num_segments"], len(phone(api, TO)[-1].body)) == (
        "1",
        len("Look: https://go.example.com/") + 10,
    )
    many = " ".join(f"http://{number}.uk" for number in range(120, 120 + 110))
    grown = shop.send(many)
    received = phone(api, TO)[-1].body
    assert len(set(re.findall(SHORT, received))) == 110
    assert (grown["status"], int(grown["num_segments"])) == ("delivered", -(-len(received) // 153))


@ONE_ENGINE
def test_links_beyond_ascii_lead_on_in_ascii(api: Api) -> None:
    shop = Shop(api)
    for url, location in [
        ("https://exämple.com/mañana?q=ñ#ü", "https://xn--exmple-cua.com/ma%C3%B1ana?q=%C3%B1#%C3%BC"),
        ("https://user:pä@example.com/a%20b", "https://user:p%C3%A4@example.com/a%20b"),
        ("https://example.com:8443", "https://example.com:8443/"),
        ("https://example.com/{a}|b", "https://example.com/%7Ba%7D%7Cb"),
    ]:
        assert visit(api, shop.link(url)).headers["location"] == location


@pytest.mark.parametrize(
    "url", ["https://example.com:99999/", "https://[::1", "https://a_\x7f/", "https://example.com/\x01"]
)
@ONE_ENGINE
def test_a_link_that_is_no_url_fails_its_message(api: Api, url: str) -> None:
    shop = Shop(api)
    shown = shop.send(f"https://example.com {url}")
    assert (shown["status"], shown["error_code"]) == ("failed", 30139)
    assert shown["error_message"] == "URL not valid for link shortening"
    shop.configure(ContinueOnFailure="true")
    assert shop.received(f"https://example.com {url}") == f"https://example.com {url}"
    assert count(api) == 0


def test_a_service_without_a_domain(api: Api) -> None:
    mine = service(api, own(api, US, rate=10_000_000))
    form = {"MessagingServiceSid": mine, "ShortenUrls": "true"}
    shown = reaches(api, send(api, Body="https://example.com", **form)["sid"], "failed", "delivered")
    assert (shown["status"], shown["error_code"]) == ("failed", 30103)
    assert shown["error_message"] == "Unable to shorten links in the message"
    plain = reaches(api, send(api, Body="no link", **form)["sid"], "failed", "delivered")
    assert plain["status"] == "delivered", "there is nothing to shorten"
    shop = Shop(api, ContinueOnFailure="true")
    api.delete(f"{LINKS}/Domains/{shop.domain}/MessagingServices/{shop.service}")
    assert shop.send("https://example.com")["error_code"] == 30103, "what goes on is a setting of the domain"


def test_a_certificate_that_ran_out(api: Api) -> None:
    shop = Shop(api)
    pem = certificate(NAME, ends=in_days(api, 1)) + private_key()
    certificates = f"{LINKS}/Domains/{shop.domain}/Certificate"
    assert api.post(certificates, {"TlsCert": pem}).status_code == 201
    path = shop.link("https://example.com")
    api.clock.advance(DAY)
    shown = shop.send("https://example.com")
    assert (shown["status"], shown["error_code"]) == ("failed", 30102)
    assert visit(api, path).status_code == 302, "links that were sent are served all the same"
    shop.configure(ContinueOnFailure="true")
    assert shop.received("https://example.com") == "https://example.com"
    shop.configure(DisableHttps="true")
    assert re.fullmatch(rf"{NAME}/\w{{10}}", shop.received("https://example.com")), "there is no TLS to fail"
    shop.configure(DisableHttps="false", ContinueOnFailure="false")
    assert api.delete(certificates).status_code == 204
    assert visit(api, shop.link("https://example.com")).status_code == 302


def test_a_click_is_told(api: Api, web: App) -> None:
    web.routes["/clicks"] = response("", 204)
    shop = Shop(api, CallbackUrl=web.url("/clicks?x=1"))
    shown = shop.send("https://example.com/a")
    path = urlsplit(phone(api, TO)[-1].body).path
    agent = "Phone/" + "9" * 1000
    assert visit(api, path, agent=agent).status_code == 302
    settle(api)
    [request] = web.requests
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    click = msgspec.json.decode(request.body)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", click["click_time"])
    assert click == {
        "event_type": "click",
        "sms_sid": shown["sid"],
        "account_sid": ACCOUNT_SID,
        "messaging_service_sid": shop.service,
        "to": TO,
        "from": US,
        "link": "https://example.com/a",
        "click_time": click["click_time"],
        "user_agent": agent[:512],
    }
    signed = f"http://127.0.0.1:{urlsplit(web.url()).port}{request.path}"
    assert RequestValidator(AUTH_TOKEN).validate(signed, request.body, request.headers["x-twilio-signature"])
    assert visit(api, path, method="HEAD").status_code == 302
    assert visit(api, path, method="POST").status_code == 404
    settle(api)
    assert len(web.requests) == 1, "a look at a link is no click"
    visit(api, path)
    settle(api)
    assert len(web.requests) == 2, "each click is told"
    shop.configure(CallbackUrl="")
    assert visit(api, path).status_code == 302
    settle(api)
    assert len(web.requests) == 2


def test_a_click_after_its_message_was_deleted_or_with_a_hidden_address(api: Api, web: App) -> None:
    shop = Shop(api, CallbackUrl=web.url("/clicks"))
    shown = shop.send("https://example.com/a", AddressRetention="obfuscate", ContentRetention="discard")
    assert shown["body"] == ""
    query = "SELECT options FROM messages WHERE sid = :sid"
    options = api.run(api.node.database.read(lambda tx: tx.value(query, sid=shown["sid"])))
    assert NAME not in options, "the text on the air is discarded as well"
    path = urlsplit(phone(api, TO)[-1].body).path
    visit(api, path)
    settle(api)
    assert api.delete(f"{MESSAGES}/{shown['sid']}.json").status_code == 204
    assert visit(api, path).headers["location"] == "https://example.com/a"
    settle(api)
    first, second = (msgspec.json.decode(one.body) for one in web.requests)
    assert (first["to"], first["from"]) == (TO[:-4] + "XXXX", US)
    assert second == first | {"to": None, "from": None, "click_time": second["click_time"]}


@ONE_ENGINE
def test_a_failed_callback_is_in_the_debugger(api: Api, web: App) -> None:
    web.routes["/clicks"] = response("", 500)
    shop = Shop(api, CallbackUrl=web.url("/clicks"))
    assert visit(api, shop.link("https://example.com")).status_code == 302
    settle(api)
    assert [one["error_code"] for one in alerts(api)] == ["11200"]


def test_links_that_lead_nowhere(api: Api) -> None:
    shop = Shop(api)
    path = shop.link("https://example.com")
    lost = visit(api, "/aaaaaaaaaa")
    assert assert_error(lost, 404, 30105)["message"] == "The link leads nowhere."
    [alert] = alerts(api)
    assert (alert["error_code"], alert["log_level"], alert["resource_sid"]) == (
        "30105",
        "warning",
        shop.domain,
    )
    assert alert["request_url"] == f"https://{NAME}/aaaaaaaaaa"
    assert_error(visit(api, "/"), 404, 30105)
    visit(api, "/bbbbbbbbbb")
    shop.configure(FallbackUrl="https://example.com/lost")
    for astray in (
        "/",
        "/favicon.ico",
        "/aaaaaaaaaa",
        "/AAAAAAAAAAA",
        path[:-1],
        path.swapcase(),
        path + "/",
    ):
        led = visit(api, astray)
        if astray.endswith("/") and astray != "/":
            assert_error(led, 404, 20404)
        else:
            assert (led.status_code, led.headers["location"]) == (302, "https://example.com/lost"), astray
    assert len(alerts(api)) == 1, "for a minute no more is said of it"
    api.clock.advance(61)
    visit(api, "/aaaaaaaaaa")
    assert [one["error_code"] for one in alerts(api)] == ["30105", "30104"]
    assert visit(api, path).headers["location"] == "https://example.com/"


def test_a_link_lives_for_90_days(api: Api) -> None:
    shop = Shop(api, FallbackUrl="https://example.com/lost")
    path = shop.link("https://example.com/a")
    api.clock.advance(90 * DAY - 10)
    assert visit(api, path).headers["location"] == "https://example.com/a"
    api.clock.advance(11)
    assert visit(api, path).headers["location"] == "https://example.com/lost"
    shop.link("https://example.com/b")
    api.run(api.node.retention.sweep())
    assert count(api) == 1, "old links are removed"
    assert LIFETIME == 90 * DAY * 1_000_000


def test_a_domain_leads_only_over_its_own_name(api: Api) -> None:
    shop = Shop(api)
    path = shop.link("https://example.com")
    give(api, "other.example.com")
    assert_error(visit(api, path, "other.example.com"), 404, 30105)
    for host in ("nobody.example.com", "127.0.0.1:8080", "[::1]:80", "a_b"):
        assert_error(visit(api, path, host), 404, 20404)
    for host in ("[", "[::1", "go.example.com@x", "é.example.com", "go.example.com:x"):
        assert_error(visit(api, path, host), 400, 20001)
    assert api.delete(f"{CONTROL}/{shop.domain}", auth=OPERATOR).status_code == 204
    assert_error(visit(api, path), 404, 20404)
    assert count(api) == 0
    shown = shop.send("https://example.com")
    assert shown["error_code"] == 30103


@ONE_ENGINE
def test_a_name_with_a_port(api: Api) -> None:
    shop = Shop(api, "go.localhost:8080", DisableHttps="true")
    path = shop.link("https://example.com")
    assert visit(api, path, "go.localhost:8080").status_code == 302
    assert_error(visit(api, path, "go.localhost:9090"), 404, 20404)


def test_a_deleted_service_leaves_its_links(api: Api, web: App) -> None:
    shop = Shop(api, CallbackUrl=web.url("/clicks"))
    path = shop.link("https://example.com")
    assert api.delete(f"/messaging/v1/Services/{shop.service}").status_code == 204
    assert visit(api, path).status_code == 302
    settle(api)
    assert msgspec.json.decode(web.requests[0].body)["messaging_service_sid"] == shop.service


@ONE_ENGINE
def test_a_scheduled_message_is_shortened_when_it_is_due(api: Api) -> None:
    shop = Shop(api)
    at = f"{in_days(api, 1):%Y-%m-%dT%H:%M:%SZ}"
    form = {"MessagingServiceSid": shop.service, "ScheduleType": "fixed", "SendAt": at, "ShortenUrls": "true"}
    sid = send(api, Body="https://example.com", To=TO_GB, **form)["sid"]
    assert count(api) == 0
    api.clock.advance(DAY + 1)
    reaches(api, sid, "delivered")
    assert re.fullmatch(SHORT, phone(api, TO_GB)[-1].body)
