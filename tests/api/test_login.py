"""The log-in to the pages: sessions, and everything that ends them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from api.browser import FORM, INBOX, LINES, LOGIN, LOGOUT, Browser, Pair
from api.conftest import ACCOUNT_SID, AUTH_TOKEN, OPERATOR, Api, assert_error
from api.messaging.stock import US, own
from trunkline.api.concurrency import FailedLogins
from trunkline.api.sessions import csrf_token
from trunkline.app.node import Node
from trunkline.core.storage.database import Tx
from trunkline.products.accounts import facade
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.facade import AccountStatus
from trunkline.products.accounts.sessions import BrowserSession

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Tests without SQL of their own have the same result on each."""

HOUR = 3600


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


def test_a_log_in_leads_to_the_page_that_was_requested(api: Api, browser: Browser) -> None:
    requested = browser.get(INBOX)
    assert (requested.status_code, requested.headers["location"]) == (
        303,
        f"{LOGIN}?Next=%2F_trunkline%2Finbox",
    )
    led = browser.log_in(following=INBOX)
    assert (led.status_code, led.headers["location"], led.content) == (303, INBOX, b"")
    assert browser.attributes == "Path=/_trunkline; HttpOnly; SameSite=Strict"
    assert browser.lasts
    # The form is for those who have not.
    again = browser.get(LOGIN)
    assert (again.status_code, again.headers["location"]) == (303, "/_trunkline/")
    # A change carries the page's token.
    csrf = browser.csrf()
    for token in (
        {},
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": "0" * 64},
        {"X_CSRF_Token": browser.cookie[-32:]},
    ):
        assert_error(browser.send("DELETE", LINES, **token), 403, 20403)
    assert browser.send("DELETE", LINES, X_CSRF_Token=csrf).status_code == 204
    # Under its own credentials a request needs neither.
    assert api.delete(LINES, headers={"Cookie": browser.cookie}).status_code == 204
    # The session is for the control API alone.
    assert_error(browser.get("/sync/v1/Services"), 401, 20003)


@ONE_ENGINE
def test_the_cookie_is_secure_where_the_connection_is(api: Api) -> None:
    browser = Browser(api, "https://127.0.0.1:8080")
    browser.log_in()
    assert browser.attributes.endswith("; Secure")
    proxied = Browser(api)
    proxied.get(LOGIN, X_Forwarded_Proto="https")
    assert proxied.attributes.endswith("; Secure")


def test_a_log_in_makes_a_new_id_and_stores_no_more_than_its_hash(api: Api, browser: Browser) -> None:
    fixed = "ab" * 16
    name = api.node.accounts.directory.sessions.cookie
    browser.cookie = f"{name}={fixed}"
    browser.log_in()
    assert fixed not in browser.cookie
    other = Browser(api)
    other.cookie = f"{name}={fixed}"
    assert not other.lasts
    first = browser.cookie
    csrf = browser.csrf()
    form = {"csrf": csrf, "username": ACCOUNT_SID, "password": AUTH_TOKEN}
    browser.send("POST", LOGIN, form)
    other.cookie = first
    assert browser.lasts
    assert not other.lasts

    rows = api.run(
        api.node.database.read(lambda tx: tx.all(BrowserSession, "SELECT * FROM browser_sessions"))
    )
    assert len(rows) == 1
    assert browser.cookie.partition("=")[2] not in str(rows)
    assert AUTH_TOKEN not in str(rows)


def test_a_log_out_ends_the_session_for_every_copy_of_its_cookie(api: Api, browser: Browser) -> None:
    browser.log_in()
    stolen, csrf = Browser(api), browser.csrf()
    stolen.cookie = browser.cookie
    assert browser.send("POST", LOGOUT, {"csrf": "0" * 64}).status_code == 403
    assert stolen.lasts
    out = browser.send("POST", LOGOUT, {"csrf": csrf})
    assert (out.status_code, out.headers["location"]) == (303, LOGIN)
    assert "Max-Age=0" in browser.attributes
    assert not stolen.lasts
    ended = stolen.send("DELETE", LINES, X_CSRF_Token=csrf)
    assert_error(ended, 401, 20003)
    assert LOGIN in ended.json()["detail"]
    assert "www-authenticate" not in ended.headers
    assert Browser(api).send("POST", LOGOUT, {}).headers["location"] == LOGIN


def test_a_session_outlives_a_restart(api: Api, browser: Browser) -> None:
    browser.log_in()
    api.run(api.node.stop())
    node = Node(api.node.settings, api.clock)
    api.run(node.start())
    again = Api(node, api._runner, api.clock)
    try:
        resumed = Browser(again)
        resumed.cookie = browser.cookie
        assert resumed.lasts
    finally:
        again.close()


def _rotate(api: Api, pair: Pair) -> None:
    api.run(facade.rotate_token(api.node.database, api.node.vault, ACCOUNT_SID))


def _promote(api: Api, pair: Pair) -> None:
    api.post("/v1/AuthTokens/Secondary")
    api.post("/v1/AuthTokens/Promote")


def _delete_key(api: Api, pair: Pair) -> None:
    api.delete(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys/{pair[0]}.json")


def _set_status(api: Api, pair: Pair, status: AccountStatus) -> None:
    api.run(facade.change_status(api.node.database, pair[0], status))


def _suspend(api: Api, pair: Pair) -> None:
    _set_status(api, pair, AccountStatus.SUSPENDED)


def _suspend_and_reactivate(api: Api, pair: Pair) -> None:
    _suspend(api, pair)
    _set_status(api, pair, AccountStatus.ACTIVE)


def _close(api: Api, pair: Pair) -> None:
    _set_status(api, pair, AccountStatus.CLOSED)


def _suspend_the_parent(api: Api, pair: Pair) -> None:
    _suspend_and_reactivate(api, (ACCOUNT_SID, ""))


def test_a_session_ends_with_its_credentials(api: Api) -> None:
    def subaccount() -> Pair:
        made = api.post("/2010-04-01/Accounts.json").json()
        return made["sid"], made["auth_token"]

    def main_key() -> Pair:
        key, secret = api.run(
            facade.create_key(api.node.database, api.node.vault, ACCOUNT_SID, "x", main=True)
        )
        return key.sid, secret

    cases: list[tuple[Callable[[], Pair], Callable[[Api, Pair], None]]] = [
        (main_key, _delete_key),
        (subaccount, _suspend),
        (subaccount, _suspend_and_reactivate),
        (subaccount, _close),
        (subaccount, _suspend_the_parent),
        (main_key, _suspend_the_parent),
    ]
    for make, end in cases:
        pair, browser, other = make(), Browser(api), Browser(api)
        assert browser.log_in(pair).status_code == 303
        other.log_in()
        assert browser.lasts
        end(api, pair)
        assert not browser.lasts, end.__name__
        assert other.lasts is (end is not _suspend_the_parent), end.__name__


@pytest.mark.parametrize("end", [_rotate, _promote])
def test_a_session_ends_with_its_auth_token(
    api: Api, browser: Browser, end: Callable[[Api, Pair], None]
) -> None:
    browser.log_in()
    end(api, (ACCOUNT_SID, ""))
    assert not browser.lasts


def test_a_promoted_token_keeps_its_sessions(api: Api, browser: Browser) -> None:
    secondary = api.post("/v1/AuthTokens/Secondary").json()["secondary_auth_token"]
    browser.log_in((ACCOUNT_SID, secondary))
    assert browser.lasts
    api.post("/v1/AuthTokens/Promote")
    assert browser.lasts


class TestTime:
    """A session has an idle time and an end."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"session_idle_minutes": 30, "session_hours": 2}

    def test_it_ends_when_it_is_idle_and_when_its_hours_are_over(self, api: Api, browser: Browser) -> None:
        browser.log_in()
        api.clock.advance(29 * 60)
        assert browser.lasts
        api.clock.advance(31 * 60)
        assert not browser.lasts
        browser.log_in()
        for _ in range(5):
            api.clock.advance(20 * 60)
            assert browser.lasts
        api.clock.advance(20 * 60)
        assert not browser.lasts

        async def left() -> int:
            await api.node.retention.sweep()
            count: int = await api.node.database.read(
                lambda tx: tx.value("SELECT count(*) FROM browser_sessions")
            )
            return count

        assert api.run(left()) == 0

    @ONE_ENGINE
    def test_a_clock_that_was_ahead_leaves_no_session_that_lasts_longer(
        self, api: Api, browser: Browser
    ) -> None:
        early = Browser(api)
        early.log_in()
        api.clock.advance(29 * 60)
        assert early.lasts
        api.clock.advance(-3 * HOUR)
        # Its end lies further ahead than any request could have moved it.
        assert not early.lasts
        api.clock.advance(6 * HOUR)
        browser.log_in()
        api.clock.advance(-3 * HOUR)
        assert not browser.lasts
        assert browser.log_in().status_code == 303
        assert browser.lasts


def test_wrong_credentials_are_slowed_down_and_leave_nothing(
    api: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []

    async def hold(address: str) -> None:
        held.append(address)

    monkeypatch.setattr(api.node.application._failures, "hold", hold)
    wrong = [
        (ACCOUNT_SID, "0" * 32),
        ("AC" + "0" * 32, AUTH_TOKEN),
        ("SK" + "0" * 32, AUTH_TOKEN),
        ("operator", "0" * 32),
        ("", ""),
        (f"{ACCOUNT_SID}\0", AUTH_TOKEN),
        ('"><script>', "ü\0"),
    ]
    for count, pair in enumerate(wrong, 1):
        refused = browser.log_in(pair)
        assert (refused.status_code, len(held)) == (401, count), pair
        assert "The SID or the secret is wrong." in refused.text
        assert "www-authenticate" not in refused.headers
        assert "<script>" not in refused.text
        assert not browser.lasts
    api.run(facade.test_credentials(api.node.database, api.node.vault, ACCOUNT_SID))
    key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
    test = api.run(facade.test_credentials(api.node.database, api.node.vault, ACCOUNT_SID))
    sub = api.post("/2010-04-01/Accounts.json").json()
    _suspend(api, (sub["sid"], ""))
    for pair, text in (
        ((key["sid"], key["secret"]), "a main key may"),
        (test, "a main key may"),
        ((sub["sid"], sub["auth_token"]), "not active"),
    ):
        refused = browser.log_in(pair)
        assert (refused.status_code, text in refused.text) == (403, True), refused.text
    assert browser.log_in((f" {ACCOUNT_SID} ", f"{AUTH_TOKEN}\n")).status_code == 303


def test_a_log_out_without_a_session_writes_nothing(
    api: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    store = api.node.accounts.directory.sessions
    close = store.close

    async def recorded(tx: Tx, session_id: str) -> None:
        if tx.writable:
            writes.append(session_id)
        await close(tx, session_id)

    monkeypatch.setattr(store, "close", recorded)
    assert Browser(api).send("POST", LOGOUT, {}).headers["location"] == LOGIN
    # The form's id names no session yet.
    browser.get(LOGIN)
    csrf = csrf_token(browser.cookie.partition("=")[2])
    assert browser.send("POST", LOGOUT, {"csrf": csrf}).headers["location"] == LOGIN
    assert writes == []
    browser.log_in()
    session_id = browser.cookie.partition("=")[2]
    assert browser.send("POST", LOGOUT, {"csrf": browser.csrf()}).headers["location"] == LOGIN
    assert (writes, browser.lasts) == ([session_id], False)


@ONE_ENGINE
def test_a_guess_that_cannot_wait_is_a_429(
    api: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailedLogins, "FREE", 0)
    monkeypatch.setattr(FailedLogins, "MAX_HELD", 0)
    assert_error(browser.log_in((ACCOUNT_SID, "0" * 32)), 429, 20429)
    assert browser.log_in().status_code == 303


@ONE_ENGINE
def test_a_session_of_an_account_that_is_not_active_is_none(api: Api, browser: Browser) -> None:
    # A log-in beside the suspension, on another node, writes its row when the others are gone.
    browser.log_in()
    suspend = "UPDATE accounts SET status = 'suspended'"
    api.run(api.node.database.write(lambda tx: tx.run(suspend)))
    assert not browser.lasts


@ONE_ENGINE
def test_a_form_that_another_page_could_send_is_refused(api: Api, browser: Browser) -> None:
    good = {"username": ACCOUNT_SID, "password": AUTH_TOKEN}
    refused = browser.send("POST", LOGIN, good)
    assert (refused.status_code, "Try again" in refused.text) == (403, True)
    csrf = re.findall(r'name="csrf" value="(\w+)"', refused.text)[0]
    other = Browser(api)
    other.get(LOGIN)
    assert other.send("POST", LOGIN, {**good, "csrf": csrf}).status_code == 403
    # One that holds the token is refused by its marks.
    for marks in ({"Origin": "http://127.0.0.1:9090"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": "null"}):
        assert_error(browser.log_in(**marks), 403, 20403)
        assert not browser.lasts
    for path in (LOGIN, LOGOUT):
        odd = api.request("POST", path, auth=None, content="csrf=x", headers={"Content-Type": "text/plain"})
        assert_error(odd, 400, 20001)
        large = api.request("POST", path, auth=None, content="x" * 9000, headers=FORM)
        assert_error(large, 413, 20413)
    own = {"Origin": "http://127.0.0.1:8080", "Sec_Fetch_Site": "same-origin"}
    assert browser.log_in(**own).status_code == 303
    marked = {"X_CSRF_Token": browser.csrf(), "Origin": "http://127.0.0.1:9090"}
    assert_error(browser.send("DELETE", LINES, **marked), 403, 20403)
    # Another server's cookie of the same name, planted for a longer path, makes the session unclear.
    browser.cookie += "; " + browser.cookie.partition("=")[0] + "=" + "ab" * 16
    assert not browser.lasts


@ONE_ENGINE
def test_a_log_in_leads_to_no_other_server(browser: Browser) -> None:
    account = f"?AccountSid={ACCOUNT_SID}"
    for path, led in (
        (f"{INBOX}{account}", f"{INBOX}{account}"),
        ("/_trunkline", "/_trunkline"),
        *(
            (path, "/_trunkline/")
            for path in (
                "",
                "https://evil.example",
                "//evil.example/_trunkline/inbox",
                "/\\evil.example",
                "/_trunklines",
                "/_trunkline.evil.example",
                "/_trunkline@evil.example",
                "/_trunkline/\r\nSet-Cookie: a=b",
                "/_trunkline/inbox\n",
                "javascript:alert(1)",
                "/_trunkline/%2e%2e/",
                "/_trunkline/../",
                '/_trunkline/"><script>',
            )
        ),
    ):
        assert browser.log_in(following=path).headers["location"] == led, path
        browser.cookie = ""


@ONE_ENGINE
def test_a_browser_that_holds_basic_from_elsewhere_uses_its_session(api: Api, browser: Browser) -> None:
    sub = api.post("/2010-04-01/Accounts.json").json()
    browser.log_in()
    csrf = browser.csrf()
    basic = {
        "Authorization": "Basic " + base64.b64encode(f"{sub['sid']}:{sub['auth_token']}".encode()).decode()
    }
    assert browser.get(INBOX, **basic).status_code == 200
    own(api, US)
    message = {"phone": "+15005550100", "to": US, "body": "Hi"}
    for marks, status in (({}, 400), ({"X-CSRF-Token": csrf}, 202), ({"X-CSRF-Token": "0" * 64}, 403)):
        headers = {"Cookie": browser.cookie, **basic, **marks}
        assert api.request("POST", LINES, auth=None, json=message, headers=headers).status_code == status


@ONE_ENGINE
def test_credentials_in_a_header_are_refused_on_a_page_without_a_challenge(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hold(address: str) -> None:
        raise AssertionError("no secret was checked")

    monkeypatch.setattr(api.node.application._failures, "hold", hold)
    bearer = {"Authorization": f"Bearer {OPERATOR[1]}"}
    for response in (
        api.get(INBOX),
        api.get(INBOX, auth=OPERATOR),
        api.get(INBOX, auth=None, headers=bearer),
    ):
        assert (response.status_code, f'href="{LOGIN}?Next=%2F_trunkline%2Finbox"' in response.text) == (
            401,
            True,
        )
        assert "www-authenticate" not in response.headers
    # An operation answers a program with the challenge, and a browser without.
    assert api.get(LINES, auth=None).headers["www-authenticate"]
    for marks in ({"Sec-Fetch-Mode": "cors"}, {"Accept": "text/html,*/*"}, {"X-CSRF-Token": "x"}):
        refused = api.get(LINES, auth=None, headers=marks)
        assert LOGIN in assert_error(refused, 401, 20003)["detail"]
        assert "www-authenticate" not in refused.headers


@ONE_ENGINE
def test_another_operators_token_ends_the_sessions_of_the_one_before(api: Api, browser: Browser) -> None:
    browser.log_in(OPERATOR)
    assert browser.get("/_trunkline/jobs").status_code == 200
    for token in ("p" * 32, ""):
        browser_sessions = AccountDirectory(api.node.vault, operator_token=token).sessions
        assert browser_sessions.cookie == browser.cookie.partition("=")[0]
        api.node.accounts.directory.sessions = browser_sessions
        assert_error(browser.get("/_trunkline/jobs"), 401, 20003)
        for wrong in ("", OPERATOR[1]):
            opened = api.node.database.write(
                partial(browser_sessions.open, username="operator", password=wrong)
            )
            assert api.run(opened) is None


def test_a_session_names_a_subaccount_and_no_other_account(api: Api, browser: Browser) -> None:
    made = api.post("/2010-04-01/Accounts.json").json()
    sub = f"?AccountSid={made['sid']}"
    number = "+14155550199"
    own(api, number, account_sid=made["sid"])
    browser.log_in()
    csrf = re.findall(r'content="(\w{64})"', browser.get(INBOX + sub).text)[0]
    message = {"phone": "+15005550100", "to": number, "body": "Hi"}
    sent = api.request(
        "POST",
        LINES + sub,
        auth=None,
        json=message,
        headers={"Cookie": browser.cookie, "X-CSRF-Token": csrf},
    )
    assert sent.status_code == 202
    assert [one["body"] for one in browser.get(LINES + sub).json()["messages"]] == ["Hi"]
    assert browser.get(LINES).json()["messages"] == []
    assert browser.get(f"{INBOX}?AccountSid={ACCOUNT_SID}").status_code == 200

    other = Browser(api)
    other.log_in((made["sid"], made["auth_token"]))
    for sid in (ACCOUNT_SID, "AC" + "0" * 32):
        page = other.get(f"{INBOX}?AccountSid={sid}")
        assert (page.status_code, "no account of this log-in" in page.text) == (404, True)
        assert_error(other.get(f"{LINES}?AccountSid={sid}"), 404, 20404)
    assert other.get(INBOX + sub).status_code == 200
    operator = Browser(api)
    operator.log_in(OPERATOR)
    page = operator.get(f"{INBOX}?AccountSid=AC{'0' * 32}")
    assert (page.status_code, "is not an account of this server" in page.text) == (400, True)
    # Nobody learns of accounts without a log-in.
    assert Browser(api).get(INBOX + sub).status_code == 303
    _suspend(api, (made["sid"], ""))
    assert browser.get(INBOX + sub).status_code == 403
    assert_error(browser.get(LINES + sub), 403, 20005)


def test_the_operator_logs_in_with_its_token_and_names_an_account(api: Api, browser: Browser) -> None:
    page = f"{INBOX}?AccountSid={ACCOUNT_SID}"
    requested = browser.get(page)
    assert requested.headers["location"].endswith(f"%3FAccountSid%3D{ACCOUNT_SID}")
    assert browser.log_in(OPERATOR, following=page).headers["location"] == page
    assert browser.get(page).status_code == 200
    assert browser.get(f"{LINES}?AccountSid={ACCOUNT_SID}").json()["messages"] == []
    assert_error(browser.get(LINES), 400, 20001)
    assert browser.get("/_trunkline/jobs").json() == {"jobs": []}
    assert_error(browser.send("POST", "/_trunkline/numbers", {"Number": "+14155550123"}), 403, 20403)
    marked = {"X_CSRF_Token": re.findall(r'content="(\w{64})"', browser.get(page).text)[0]}
    made = browser.send("POST", "/_trunkline/numbers", {"Number": "+14155550123"}, **marked)
    assert made.status_code == 201
    account = Browser(api)
    account.log_in()
    assert_error(account.get("/_trunkline/jobs"), 403, 20403)


@ONE_ENGINE
def test_every_page_keeps_other_pages_away(api: Api, browser: Browser) -> None:
    pages = [browser.get(LOGIN), api.get("/", auth=None), api.get("/_trunkline/"), api.get(INBOX)]
    browser.log_in()
    pages.append(browser.get(INBOX))
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert "unsafe" not in policy
        assert {
            "content-type": "text/html; charset=utf-8",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "no-store",
        }.items() <= dict(page.headers).items()
        assert not [name for name in page.headers if name.startswith("access-control")]
        assert len(page.headers) == len(page.headers.raw), "a header is repeated"
        assert not re.search(r' (style|on\w+)="', page.text)
