"""Link shortening over the API: domains, configurations, certificates, and the Services that use them."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat

from api.conftest import ACCOUNT_SID, OPERATOR, Api, assert_error
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
from api.messaging.inventory import second_pair, subaccount
from api.messaging.outcomes import reaches
from api.messaging.stock import US, own, send, service

URL = f"http://127.0.0.1:8080{LINKS}"
UNKNOWN = "DN" + "0" * 32
NO_SERVICE = "MG" + "0" * 32

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Parsing without a database has the same result on each."""


def test_the_operator_removes_a_domain_by_its_sid_alone(api: Api) -> None:
    sid = give(api)
    assert api.delete(f"{CONTROL}/{sid}", auth=OPERATOR).status_code == 204
    assert_error(api.delete(f"{CONTROL}/{sid}", auth=OPERATOR), 404, 20404)


def test_the_operator_gives_lists_and_takes_domains(api: Api) -> None:
    sid = give(api, "Go.Example.com")
    assert re.fullmatch("DN[0-9a-f]{32}", sid)
    assert give(api) == sid, "what the account has already is answered"
    api.clock.advance(1)
    other = give(api, "127.example.com:8443")
    shown = {
        "sid": sid,
        "name": NAME,
        "reached_at": None,
        "certificate": False,
        "certificate_requested": False,
        "certificate_expires_at": None,
    }
    found = api.get(CONTROL).json()["domains"]
    assert (found[0], found[1]["sid"]) == (shown, other)
    mine = subaccount(api)[0]
    for claim in (NAME, f"{NAME.upper()}.", f"{NAME}:8443", "127.example.com", "127.example.com:8444"):
        claimed = {"Name": claim, "AccountSid": mine}
        message = assert_error(api.post(CONTROL, claimed, auth=OPERATOR), 400, 20001)["message"]
        assert message == "Invalid parameter Name: another account has this domain", claim
    assert api.delete(f"{CONTROL}/{other}", auth=OPERATOR).status_code == 204
    assert_error(api.delete(f"{CONTROL}/{other}", auth=OPERATOR), 404, 20404)
    assert [one["sid"] for one in api.get(CONTROL).json()["domains"]] == [sid]


@ONE_ENGINE
def test_what_is_no_domain_and_who_may_not_ask(api: Api) -> None:
    names = [
        "",
        "a..b",
        "-a.b",
        "a-.b",
        "a b",
        "a_b",
        "exämple.com",
        "ｔｗｉｌｉｏ.com",
        "http://a.b",
        "a.b/c",
        "a.b:0",
        "a.b:65536",
    ]
    names += ["a." * 127 + "b", "a" * 64 + ".b", "[::1]"]
    for name in names:
        form = {"Name": name, "AccountSid": ACCOUNT_SID}
        assert_error(api.post(CONTROL, form, auth=OPERATOR), 400, 20001)
    sid = give(api, "a.b:65535")
    mine = subaccount(api)
    for method, path in [("GET", ""), ("POST", ""), ("DELETE", f"/{sid}"), ("GET", f"/{sid}/certificate")]:
        assert_error(api.request(method, CONTROL + path, auth=None), 401, 20003)
        assert_error(api.request(method, CONTROL + path, auth=second_pair(api)), 401, 20003)
    assert api.get(CONTROL, auth=mine).json() == {"domains": [], "next_page_token": None}
    assert_error(api.delete(f"{CONTROL}/{sid}", auth=mine), 403, 20403)
    assert_error(api.delete(f"{CONTROL}/{sid}?AccountSid={mine[0]}", auth=OPERATOR), 404, 20404)
    assert_error(api.get(f"{CONTROL}/{sid}/certificate", auth=mine), 404, 20404)
    assert_error(api.get(f"{CONTROL}/{sid}/certificate"), 404, 20404)
    assert_error(api.get(f"{CONTROL}/{sid}/nothing"), 404, 20404)
    for method, path, allowed in [
        ("DELETE", "", "GET, HEAD, POST"),
        ("GET", f"/{sid}", "DELETE"),
        ("DELETE", f"/{sid}/certificate", "GET, HEAD"),
    ]:
        response = api.request(method, CONTROL + path)
        assert_error(response, 405, 20004)
        assert response.headers["allow"] == allowed


def rename(api: Api, name: str) -> None:
    """Give the one domain a name that the checks of today refuse."""
    api.run(api.node.database.write(lambda tx: tx.run("UPDATE link_domains SET name = :name", name=name)))


class TestOwnHosts:
    """A server under a public address."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"public_url": "https://Trunkline.example.com:8443", "host": "node.internal"}

    @ONE_ENGINE
    def test_no_account_has_a_host_of_the_server(self, api: Api) -> None:
        for name in (
            "trunkline.example.com",
            "TRUNKLINE.example.com.:443",
            "node.internal:8080",
            "localhost:8080",
            "127.0.0.1",
            "api.twilio.com",
            "sync.trunkline.example.com",
            socket.gethostname(),
        ):
            form = {"Name": name, "AccountSid": ACCOUNT_SID}
            message = assert_error(api.post(CONTROL, form, auth=OPERATOR), 400, 20001)["message"]
            assert message.startswith("Invalid parameter Name: "), name
            assert "server" in message or "address" in message, message

    def test_a_claim_from_before_leads_to_no_page_of_the_account(self, api: Api) -> None:
        sid = give(api)
        config = f"{LINKS}/Domains/{sid}/Config"
        assert api.post(config, {"FallbackUrl": "https://evil.example"}).status_code == 201
        assert visit(api, "/").headers["location"] == "https://evil.example"
        for name in ("trunkline.example.com", "trunkline.example.com:8443", "node.internal", "localhost"):
            rename(api, name)
            for spelling in (name, name.upper(), f"{name.partition(':')[0]}.:8443"):
                led = visit(api, "/", spelling)
                assert "location" not in led.headers, spelling
                assert_error(visit(api, "/AAAAAAAAAA", spelling), 404, 20404)
        mine = service(api, own(api, US, rate=10_000_000))
        assert associate(api, sid, mine).status_code == 201
        form = {"MessagingServiceSid": mine, "Body": "https://example.com", "ShortenUrls": "true"}
        assert reaches(api, send(api, **form)["sid"], "failed")["error_code"] == 30103
        api.post(config, {"ContinueOnFailure": "true"})
        assert reaches(api, send(api, **form)["sid"], "delivered")["body"] == "https://example.com"


def test_a_configuration_is_made_changed_and_shown_below_its_service(api: Api) -> None:
    sid, mine = give(api), service(api)
    config = f"{LINKS}/Domains/{sid}/Config"
    assert_error(api.get(config), 404, 20404)
    made = api.post(config, {"FallbackUrl": "https://example.com/lost", "ContinueOnFailure": "true"})
    assert made.status_code == 201
    body = made.json()
    assert re.fullmatch("ZK[0-9a-f]{32}", body["config_sid"])
    assert body == {
        "domain_sid": sid,
        "config_sid": body["config_sid"],
        "fallback_url": "https://example.com/lost",
        "callback_url": None,
        "continue_on_failure": True,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "url": f"{URL}/Domains/{sid}/Config",
        "disable_https": False,
    }
    api.clock.advance(2)
    form = {"FallbackUrl": "", "CallbackUrl": "https://example.com/clicks", "DisableHttps": "true"}
    changed = api.post(config, form).json()
    assert changed == body | {
        "fallback_url": None,
        "callback_url": "https://example.com/clicks",
        "disable_https": True,
        "date_updated": changed["date_updated"],
    }
    assert changed["date_updated"] > body["date_updated"]
    assert api.get(config).json() == changed
    below = f"{LINKS}/MessagingService/{mine}/DomainConfig"
    assert_error(api.get(below), 404, 20404)
    assert associate(api, sid, mine).status_code == 201
    expected = {name: value for name, value in changed.items() if name != "disable_https"}
    assert api.get(below).json() == expected | {
        "messaging_service_sid": mine,
        "url": f"{URL}/MessagingService/{mine}/DomainConfig",
    }
    for name in ("FallbackUrl", "CallbackUrl"):
        for value in ("javascript:alert(1)", "/lost", "https://", "https://a.b/" + "x" * 2048):
            assert_error(api.post(config, {name: value}), 400, 20001)
    assert_error(api.post(config, {"ContinueOnFailure": "perhaps"}), 400, 20001)
    assert_error(api.post(config, {"DisableHttps": "1"}), 400, 20001)
    assert api.get(config).json() == changed


def test_a_service_has_one_domain(api: Api) -> None:
    first, second, mine = give(api), give(api, "x.example.com"), service(api)
    below = f"{LINKS}/MessagingServices/{mine}/Domain"
    assert_error(api.get(below), 404, 20404)
    made = associate(api, first, mine)
    pair = {"domain_sid": first, "messaging_service_sid": mine}
    assert (made.status_code, made.json()) == (
        201,
        {**pair, "url": f"{URL}/Domains/{first}/MessagingServices/{mine}"},
    )
    assert associate(api, first, mine).json() == made.json()
    assert api.get(below).json() == {**pair, "url": f"{URL}/MessagingServices/{mine}/Domain"}
    assert_error(associate(api, second, mine), 409, 30130)
    assert associate(api, first, service(api)).status_code == 201, "a domain has many Services"
    assert_error(api.delete(f"{LINKS}/Domains/{second}/MessagingServices/{mine}"), 404, 20404)
    assert api.delete(f"{LINKS}/Domains/{first}/MessagingServices/{mine}").status_code == 204
    assert_error(api.delete(f"{LINKS}/Domains/{first}/MessagingServices/{mine}"), 404, 20404)
    assert_error(api.get(below), 404, 20404)
    assert associate(api, second, mine).status_code == 201
    assert api.delete(f"{CONTROL}/{second}", auth=OPERATOR).status_code == 204
    assert_error(api.get(below), 404, 20404)
    assert associate(api, first, mine).status_code == 201
    assert api.delete(f"/messaging/v1/Services/{mine}").status_code == 204
    assert_error(api.get(below), 404, 20404)


def test_two_domains_at_once_leave_one(api: Api) -> None:
    mine = service(api)
    sids = [give(api, f"d{number}.example.com") for number in range(4)]
    made = api.together(*(("POST", f"{LINKS}/Domains/{sid}/MessagingServices/{mine}", None) for sid in sids))
    assert sorted(one.json().get("code", 0) for one in made) == [0, 30130, 30130, 30130]
    form = {"Name": "same.example.com", "AccountSid": ACCOUNT_SID}
    given = api.together(*(("POST", CONTROL, form) for _ in range(4)), auth=OPERATOR)
    assert len({one.json()["sid"] for one in given}) == 1


def test_another_account_sees_nothing(api: Api) -> None:
    sid, mine, other = give(api), service(api), subaccount(api)
    theirs = api.post("/messaging/v1/Services", {"FriendlyName": "x"}, auth=other).json()["sid"]
    their_domain = give(api, "their.example.com", account=other[0])
    assert associate(api, sid, mine).status_code == 201
    api.post(f"{LINKS}/Domains/{sid}/Config", {"FallbackUrl": "https://example.com"})
    api.post(f"{LINKS}/Domains/{sid}/RequestManagedCert")
    one = f"{LINKS}/Domains/{sid}"
    cert = {"TlsCert": pem(api)}
    attempts: list[tuple[str, str, dict[str, str] | None]] = [
        ("GET", f"{one}/Config", None),
        ("POST", f"{one}/Config", {"ContinueOnFailure": "true"}),
        ("GET", f"{one}/Certificate", None),
        ("POST", f"{one}/Certificate", cert),
        ("DELETE", f"{one}/Certificate", None),
        ("POST", f"{one}/RequestManagedCert", None),
        ("GET", f"{one}/ValidateDns", None),
        ("POST", f"{one}/MessagingServices/{mine}", None),
        ("POST", f"{one}/MessagingServices/{theirs}", None),
        ("POST", f"{LINKS}/Domains/{their_domain}/MessagingServices/{mine}", None),
        ("DELETE", f"{one}/MessagingServices/{mine}", None),
        ("GET", f"{LINKS}/MessagingServices/{mine}/Domain", None),
        ("GET", f"{LINKS}/MessagingService/{mine}/DomainConfig", None),
    ]
    before = [api.get(f"{one}/{what}").json() for what in ("Config", "Certificate")]
    for method, path, form in attempts:
        response = (
            api.post(path, form, auth=other) if method == "POST" else api.request(method, path, auth=other)
        )
        assert_error(response, 404, 20404)
        if method != "GET" or theirs in path:
            continue
        gone = path.replace(sid, UNKNOWN).replace(mine, NO_SERVICE)
        assert_error(api.get(gone), 404, 20404)
    assert before == [api.get(f"{one}/{what}").json() for what in ("Config", "Certificate")]
    assert api.get(f"{LINKS}/MessagingServices/{mine}/Domain").json()["domain_sid"] == sid


def pem(api: Api, *names: str, days: int = 30) -> str:
    return certificate(*(names or (NAME,)), ends=in_days(api, days)) + private_key()


def test_a_certificate_is_kept_shown_handed_out_and_forgotten(api: Api) -> None:
    sid = give(api)
    path = f"{LINKS}/Domains/{sid}/Certificate"
    assert_error(api.get(path), 404, 20404)
    assert_error(api.delete(path), 404, 20404)
    kept = pem(api)
    made = api.post(path, {"TlsCert": kept})
    assert made.status_code == 201
    body = made.json()
    ends = in_days(api, 30)
    assert re.fullmatch("CW[0-9a-f]{32}", body["certificate_sid"])
    assert body == {
        "certificate_sid": body["certificate_sid"],
        "domain_name": f"https://{NAME}",
        "domain_sid": sid,
        "date_expires": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "url": f"{URL}/Domains/{sid}/Certificate",
        "cert_in_validation": None,
    }
    assert api.get(path).json() == body
    handed = api.get(f"{CONTROL}/{sid}/certificate")
    assert (handed.text, handed.headers["content-type"]) == (kept, "application/x-pem-file")
    assert b"PRIVATE KEY" not in stored(api, sid)
    [shown] = api.get(CONTROL).json()["domains"]
    assert (shown["certificate"], shown["certificate_expires_at"]) == (True, ends.timestamp())
    api.clock.advance(5)
    longer = api.post(path, {"TlsCert": pem(api, days=60)}).json()
    assert (longer["certificate_sid"], longer["date_created"]) == (
        body["certificate_sid"],
        body["date_created"],
    )
    assert longer["date_expires"] > body["date_expires"]
    assert longer["date_updated"] > body["date_updated"]
    assert api.delete(path).status_code == 204
    assert_error(api.get(path), 404, 20404)
    assert_error(api.get(f"{CONTROL}/{sid}/certificate"), 404, 20404)


def stored(api: Api, sid: str) -> bytes:
    query = "SELECT certificate FROM link_domains WHERE sid = :sid"
    found: bytes = api.run(api.node.database.read(lambda tx: tx.value(query, sid=sid)))
    return found


def test_a_managed_certificate_is_asked_of_the_operator(api: Api) -> None:
    sid = give(api)
    path = f"{LINKS}/Domains/{sid}/RequestManagedCert"
    response = api.post(path)
    assert response.status_code == 201
    body = response.json()
    assert (body["managed"], body["requesting"], body["date_expires"]) == (True, True, None)
    assert body["url"] == f"{URL}/Domains/{sid}/RequestManagedCert"
    certificate_path = f"{LINKS}/Domains/{sid}/Certificate"
    assert api.get(certificate_path).json()["certificate_sid"] == body["certificate_sid"]
    assert api.get(CONTROL).json()["domains"][0]["certificate_requested"] is True
    assert_error(api.get(f"{CONTROL}/{sid}/certificate"), 404, 20404)
    given = api.post(certificate_path, {"TlsCert": pem(api)}).json()
    assert given["certificate_sid"] == body["certificate_sid"]
    [shown] = api.get(CONTROL).json()["domains"]
    assert (shown["certificate"], shown["certificate_requested"]) == (True, False)
    assert api.post(path).json()["requesting"] is False


@ONE_ENGINE
def test_what_is_no_certificate_for_the_domain(api: Api) -> None:
    sid = give(api, "go.example.com:8443")
    path = f"{LINKS}/Domains/{sid}/Certificate"
    good, other = certificate(NAME, ends=in_days(api, 30)), ec.generate_private_key(ec.SECP256R1())
    body = re.sub(r"(?<=\n).{64}\n", "", good, count=1)
    for text, why in [
        ("", "TlsCert"),
        ("garbage", "in PEM"),
        ("-----BEGIN PRIVATE KEY-----", "in PEM"),
        (good, "in PEM"),
        (private_key(), "in PEM"),
        (body + private_key(), "in PEM"),
        (good + private_key().replace("M", "N", 1), "in PEM"),
        (good + private_key(password=b"secret"), "in PEM"),
        (good + private_key(other), "not the certificate's"),
        (pem(api, days=-1), "has run out"),
        (pem(api, "example.com"), "is not for go.example.com"),
        (pem(api, "*.go.example.com"), "is not for go.example.com"),
        (pem(api, "*.com"), "is not for go.example.com"),
        (certificate(ends=in_days(api, 30)) + private_key(), "is not for go.example.com"),
        (good + "x" * 64 * 1024, "TlsCert"),
    ]:
        answered = assert_error(api.post(path, {"TlsCert": text}), 400, 20001)
        assert why in answered["message"], answered
    assert_error(api.get(path), 404, 20404)
    for text in [
        pem(api, "example.com", "GO.example.com"),
        pem(api, "*.example.com"),
        private_key(form=PrivateFormat.TraditionalOpenSSL) + good,
        good + certificate("ca.example", ends=in_days(api, 9), key=other) + private_key(),
    ]:
        response = api.post(path, {"TlsCert": text})
        assert response.status_code == 201, response.text


def test_a_name_leads_here_once_somebody_came_over_it(api: Api) -> None:
    sid = give(api)
    path = f"{LINKS}/Domains/{sid}/ValidateDns"
    shown: dict[str, Any] = {"domain_sid": sid, "url": f"{URL}/Domains/{sid}/ValidateDns"}
    reason = "no request for this name has reached this server yet"
    assert api.get(path).json() == shown | {"is_valid": False, "reason": reason}
    assert visit(api, "/").status_code == 404
    assert api.get(path).json() == shown | {"is_valid": True, "reason": ""}

    def reached() -> float:
        at: float = api.get(CONTROL).json()["domains"][0]["reached_at"]
        return at

    first = reached()
    assert first == pytest.approx(api.clock.now / 1e6)
    for seconds, again in [(3599, False), (1, True)]:
        api.clock.advance(seconds)
        visit(api, "/")
        assert (reached() > first) is again, "not every visit is written down"
