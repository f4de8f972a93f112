"""Deliveries to receivers that take them, refuse them and lead them astray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
import uvloop
from twilio.request_validator import RequestValidator

from engines import opened
from trunkline.api.paging import Order, Window
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.jobs import schema
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import (
    ClaimedJob,
    DeadLetter,
    Handler,
    JobOutcome,
    Retry,
    Success,
    without_write,
)
from trunkline.core.jobs.queue import JobState, StoredJob
from trunkline.core.jobs.runner import Runner, RunnerOptions
from trunkline.core.leases import LeaseLost
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks import attempts
from trunkline.core.webhooks.attempts import Attempt
from trunkline.core.webhooks.delivery import Delivery, DeliveryOptions, WebhookAlert
from trunkline.core.webhooks.overrides import RetryCondition, RetryPolicy
from trunkline.core.webhooks.webhook import KIND, Webhook, enqueue_webhook
from unit.core.egress.peers import OK, Peer, hang, peer

NEWEST = Window(Order("started", descending=True), 100)
ACCOUNT = "AC" + "1" * 32
TOKEN = "f" * 32
MIGRATIONS = (*schema.MIGRATIONS, *attempts.MIGRATIONS)
PARAMETERS = (("Body", "Grüße & 世界"), ("To", "b"), ("To", "a"), ("Empty", ""))
PATIENCE = 20.0
ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The log is not stored: one engine is enough."""


class World:
    """A delivery with what it uses. ``suspended`` accounts are not sent for."""

    def __init__(self, database: Database, egress: Egress, terms: DeliveryOptions) -> None:
        self.database = database
        self.egress = egress
        self.alerts: list[WebhookAlert] = []
        self.suspended: set[str] = set()
        self.now = system_clock()
        self.delivery = Delivery(database, egress, self._token, lambda: self.now, terms, self._alert)

    async def _token(self, account_sid: str) -> str | None:
        return None if account_sid in self.suspended else TOKEN

    async def _alert(self, _: Tx, alert: WebhookAlert) -> None:
        self.alerts.append(alert)

    async def send(self, url: str, **fields: Any) -> Any:
        fields = {"parameters": PARAMETERS, **fields}
        return await self.delivery.deliver(Webhook(ACCOUNT, url, **fields))

    async def attempts(self) -> list[Attempt]:
        """Return the attempts, oldest first."""
        found = (await self.database.read(lambda tx: attempts.page(tx, ACCOUNT, NEWEST.span))).rows
        return sorted(found, key=lambda one: (one.started, one.number))


@asynccontextmanager
async def world(
    url: str, terms: DeliveryOptions | None = None, guard: AddressGuard | None = None
) -> AsyncIterator[World]:
    guard = guard or AddressGuard(allow_private=True)
    async with opened(url, MIGRATIONS) as database:
        egress = Egress(guard)
        try:
            yield World(database, egress, terms or DeliveryOptions())
        finally:
            await egress.close()


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await body()

    uvloop.run(bounded())


def status(code: int, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} X", *lines, "Content-Length: 4", "", "body"]).encode()


def parsed(request: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Return method, path, headers in small letters and body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    method, path, _ = first.split(" ")
    return method, path, headers, body


class Form(dict[str, list[str]]):
    def __init__(self, body: bytes) -> None:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True):
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self[name]


def assert_signed(request: bytes, server: Peer) -> None:
    _, path, headers, body = parsed(request)
    json = headers["content-type"] == "application/json"
    parameters = body.decode() if json else Form(body)
    assert RequestValidator(TOKEN).validate(server.url(path), parameters, headers["x-twilio-signature"])


def test_a_form_with_the_documented_headers(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer() as server:
            finished = await one.send(server.url("/a?b=%20#rc=2"), event="onMessageSent", service_sid="IS1")
            assert finished.delivered
            (attempt,) = await one.attempts()
        (request,) = server.requests
        method, path, headers, form = parsed(request)
        assert (method, path) == ("POST", "/a?b=%20")
        assert parse_qsl(form.decode(), keep_blank_values=True) == list(PARAMETERS)
        token = headers.pop("i-twilio-idempotency-token")
        assert token[14] == "4"
        del headers["host"], headers["content-length"], headers["x-twilio-signature"]
        assert headers == {
            "accept": "*/*",
            "cache-control": "max-age=259200",
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "user-agent": "TwilioProxy/1.1",
            "x-home-region": "us1",
        }
        assert_signed(request, server)
        assert (attempt.status, attempt.response_status, attempt.response_body) == ("delivered", 200, "ok")
        assert (attempt.number, attempt.error_code, attempt.service_sid) == (1, None, "IS1")
        assert one.alerts == []

    run(body)


def test_a_get_and_a_json_body(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer() as server:
            await one.send(server.url("/g?x=1"), method="GET")
            await one.send(server.url("/j?x=1"), json='{"text": "Grüße"}')
        get, posted = map(parsed, server.requests)
        assert (get[0], get[3]) == ("GET", b"")
        assert parse_qsl(get[1].partition("?")[2], keep_blank_values=True) == [("x", "1"), *PARAMETERS]
        assert posted[1].startswith("/j?x=1&bodySHA256=")
        assert posted[3] == '{"text": "Grüße"}'.encode()
        for request in server.requests:
            assert_signed(request, server)

    run(body)


def flaky(*responses: bytes) -> Callable[..., Coroutine[Any, Any, None]]:
    left = list(responses)

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0))

    return reply


RETRIES = [
    ("", [500], 1),
    ("rc=2&rp=5xx", [500, 503, 500], 3),
    ("rc=2&rp=5xx", [500, 200], 2),
    ("rc=2&rp=5xx", [404], 1),
    ("rc=2&rp=4xx", [404, 429, 400], 3),
    ("rc=5&rp=all", [500, 404, 500, 404, 500, 404], 6),
    ("rc=0&rp=all", [500], 1),
    ("rp=5xx&rc=9", [500, 500], 2),
]


@pytest.mark.parametrize(("fragment", "responses", "requests"), RETRIES)
def test_what_is_retried(database_url: str, fragment: str, responses: list[int], requests: int) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(flaky(*map(status, responses))) as server:
            finished = await one.send(server.url(f"/#{fragment}"))
            assert finished.delivered == (responses[-1] == 200)
            attempts = await one.attempts()
        assert len({parsed(request)[2]["i-twilio-idempotency-token"] for request in server.requests}) == 1
        assert [attempt.response_status for attempt in attempts] == responses
        assert [attempt.number for attempt in attempts] == list(range(1, requests + 1))
        codes = [alert.code for alert in one.alerts]
        assert codes == [11243] * ("rc=9" in fragment) + [11200] * sum(code != 200 for code in responses)

    run(body)


def test_a_connection_that_fails_is_tried_twice(database_url: str) -> None:
    async def body() -> None:
        async with peer() as server:
            url = server.url()
        async with world(database_url) as one:
            await one.send(url)
            assert [attempt.error_code for attempt in await one.attempts()] == [11202, 11202]

    run(body)


def test_an_answer_that_does_not_come_is_not_retried_unless_told(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(hang) as server:
            await one.send(server.url("/#rt=100"))
            await one.send(server.url("/#rt=100&rp=rt&rc=1"))
            attempts = await one.attempts()
            while len(server.requests) < 3:
                await asyncio.sleep(0)
        assert [(attempt.error_code, attempt.response_status) for attempt in attempts] == [(11200, None)] * 3

    run(body)


def test_retries_end_with_the_total_time(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one:

            async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                one.now += 6 * SECOND
                writer.write(status(500))

            async with peer(slow) as server:
                await one.send(server.url("/#rc=5&rp=all"))
            assert len(server.requests) == 3
            assert [attempt.duration for attempt in await one.attempts()] == [6 * SECOND] * 3

    run(body)


def test_a_service_may_have_its_own_policy_and_count_retries(database_url: str) -> None:
    policy = RetryPolicy(total=20_000, retries=3, on=frozenset({RetryCondition.BUSY, RetryCondition.READ}))

    async def body() -> None:
        async with world(database_url) as one, peer(flaky(*map(status, (429, 504, 500)))) as server:
            await one.send(server.url(), policy=policy, counter="RetryCount")
            counts = [Form(parsed(request)[3])["RetryCount"] for request in server.requests]
            assert counts == [["0"], ["1"], ["2"]]
            for request in server.requests:
                assert_signed(request, server)

    run(body)


def test_redirects_are_followed_and_signed_anew(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer() as end:
            moved = status(307, f"Location: {end.url('/end?x=1').replace('127.0.0.1', 'localhost')}")
            challenged = status(401, 'WWW-Authenticate: Basic realm="x"')
            async with peer(flaky(challenged, status(307, "Location: next?a"), moved)) as server:
                url = server.url("/one/").replace("//", "//u:p@")
                assert (await one.send(url)).delivered
                for request, sent in zip(server.requests, (None, "Basic dTpw", "Basic dTpw"), strict=True):
                    assert parsed(request)[0] == "POST"
                    assert parsed(request)[2].get("authorization") == sent
                    assert_signed(request, server)
            assert [parsed(request)[1] for request in server.requests] == ["/one/", "/one/", "/one/next?a"]
            (last,) = end.requests
            assert "authorization" not in parsed(last)[2]
            assert Form(parsed(last)[3])["Body"] == ["Grüße & 世界"]
            (attempt,) = await one.attempts()
            assert (attempt.redirects, attempt.url) == (2, f"http://localhost:{end.port}/end?x=1")
            assert "dTpw" not in attempt.request_headers

    run(body)


@pytest.mark.parametrize(
    ("challenge", "requests"),
    [('WWW-Authenticate: Basic realm="x"', 2), ("X-Nothing: 1", 2), ("WWW-Authenticate: Negotiate", 1)],
)
def test_credentials_wait_until_they_are_asked_for_and_are_sent_once(
    database_url: str, challenge: str, requests: int
) -> None:
    async def body() -> None:
        challenged = status(401, challenge)
        async with world(database_url) as one, peer(flaky(challenged, challenged)) as server:
            finished = await one.send(server.url("/").replace("//", "//u:p@"))
        assert (finished.error_code, finished.error_text) == (11200, "the response has the status 401")
        assert len(server.requests) == requests

    run(body)


def test_cookies_are_for_the_first_server_alone(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer() as end:
            moved = status(307, f"Location: {end.url('/').replace('127.0.0.1', 'localhost')}")
            async with peer(flaky(status(307, "Location: /next"), moved)) as server:
                assert (await one.send(server.url(), cookie="a=1; b=2")).delivered
            assert [parsed(request)[2].get("cookie") for request in server.requests] == ["a=1; b=2"] * 2
            (last,) = end.requests
            assert "cookie" not in parsed(last)[2]
            (attempt,) = await one.attempts()
            assert "a=1" not in attempt.request_headers

    run(body)


@pytest.mark.parametrize("code", [301, 302, 303])
def test_other_redirects_lead_to_a_get(database_url: str, code: int) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(flaky(status(code, "Location: /x"), OK)) as server:
            assert (await one.send(server.url())).delivered
        method, path, _, content = parsed(server.requests[1])
        assert (method, path, content) == ("GET", "/x", b"")
        assert_signed(server.requests[1], server)

    run(body)


ASTRAY = [
    (status(302, "Location: /again"), 11215, 6),
    (status(302, "Location: ftp://a.example/"), 11100, 1),
    (status(302, "Location: http://[bad"), 11100, 1),
    (status(302, "Location: http://169.254.169.254/latest"), 11205, 1),
    (b"HTTP/1.1 304 X\r\n\r\n", 11200, 1),
    (status(302), 11200, 1),
]


@pytest.mark.parametrize(("reply", "code", "requests"), ASTRAY)
def test_redirects_that_lead_nowhere(database_url: str, reply: bytes, code: int, requests: int) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(reply) as server:
            await one.send(server.url("/#rp=all"))
            (first, *_) = await one.attempts()
        assert first.error_code == code
        assert len(server.requests) == requests

    run(body)


def test_addresses_that_are_not_allowed_are_not_called(database_url: str) -> None:
    async def body() -> None:
        async with peer() as server, world(database_url, guard=AddressGuard()) as one:
            await one.send(server.url("/#rc=5&rp=all"))
            await one.send("nonsense")
            attempts = await one.attempts()
        assert sorted(attempt.error_code or 0 for attempt in attempts) == [11100, 11205]
        assert server.connections == 0

    run(body)


def test_nothing_is_sent_for_an_account_that_is_not_active(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer() as server:
            one.suspended.add(ACCOUNT)
            assert await one.send(server.url()) is None
            assert await one.attempts() == []
        assert server.connections == 0

    run(body)


def test_what_is_kept_of_an_answer_is_bounded(database_url: str) -> None:
    async def body() -> None:
        large = b"HTTP/1.1 500 X\r\nSet-Cookie: secret\r\n%sContent-Length: 2000000\r\n\r\n" % (
            b"X-A: b\r\n" * 2000
        )
        async with world(database_url) as one, peer(large + b"\0" * 2_000_000) as server:
            await one.send(server.url())
            (attempt,) = await one.attempts()
        assert attempt.response_body == "\N{REPLACEMENT CHARACTER}" * 16 * 1024
        assert len(attempt.response_headers) < 40_000
        assert "secret" not in attempt.response_headers

    run(body)


def job(webhook: Webhook, attempts: int) -> ClaimedJob:
    return ClaimedJob("JB1", KIND, msgspec.json.encode(webhook).decode(), "", None, attempts, 0)


async def settle(one: World, *outcomes: JobOutcome) -> None:
    """Write what the outcomes require, as the runner does with the settlement."""
    for outcome in outcomes:
        assert outcome.record is not None
        await one.database.write(outcome.record)


def test_a_longer_schedule_ends_in_a_dead_letter(database_url: str) -> None:
    async def body() -> None:
        async with (
            world(database_url, DeliveryOptions(schedule=(60, 600))) as one,
            peer(status(500)) as server,
        ):
            webhook = Webhook(ACCOUNT, server.url(), token="t")
            outcomes = [await one.delivery.run_job(job(webhook, attempts)) for attempts in (1, 2, 3)]
            assert [without_write(outcome) for outcome in outcomes] == [
                Retry(60, "the response has the status 500"),
                Retry(600, "the response has the status 500"),
                DeadLetter("the response has the status 500"),
            ]
            assert await one.attempts() == []
            await settle(one, *outcomes)
            assert [attempt.error_code for attempt in await one.attempts()] == [11200] * 3
        assert len(server.requests) == 3

    run(body)


def test_without_a_schedule_a_failure_is_final(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(status(500)) as server:
            outcome = await one.delivery.run_job(job(Webhook(ACCOUNT, server.url()), 1))
            assert without_write(outcome) == Success()
            await settle(one, outcome)
            assert [attempt.error_code for attempt in await one.attempts()] == [11200]

    run(body)


FAILURES = [
    (status(500), "#rc=3&rp=all", "11200 the response has the status 500; see the log of the receiver"),
    (status(404), "", "11200 the response has the status 404; correct the path"),
    (
        status(302, "Location: http://user:pw@localhost:1/x?y"),
        "",
        "http://localhost:1/x after 1 redirects; start the",
    ),
    (status(302, "Location: /again"), "", "11215 more than 5 redirects"),
    (b"nonsense\r\n\r\n", "", "11206 "),
]


@pytest.mark.parametrize(("reply", "fragment", "reason"), FAILURES)
@ONE_ENGINE
def test_a_failed_webhook_is_logged_once(
    database_url: str, caplog: pytest.LogCaptureFixture, reply: bytes, fragment: str, reason: str
) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(reply) as server:
            url = server.url("/hook?key=secret" + fragment).replace("//", "//u:secret@")
            await one.send(url, event="message.status")
            await one.delivery.run_job(job(Webhook(ACCOUNT, url, event="message.status"), 1))
            shown = f"the webhook message.status failed at {server.url('/hook')}: "
        for record in caplog.records:
            assert record.levelname == "WARNING"
            assert record.getMessage().startswith(shown)
            assert reason in record.getMessage()
            assert "secret" not in record.getMessage()
            assert record.fields["account_sid"] == ACCOUNT  # type: ignore[attr-defined]
        assert len(caplog.records) == 1

    run(body)


def test_a_promised_sid_is_that_of_the_first_attempt_and_of_no_other(database_url: str) -> None:
    async def body() -> None:
        promised = "WA" + "7" * 32
        async with world(database_url) as one, peer(status(500)) as server:
            webhook = Webhook(ACCOUNT, server.url("/#rc=1&rp=all"), attempt_sid=promised)
            # The job runs a second time, as after the loss of its lease.
            for number in (1, 2):
                await settle(one, await one.delivery.run_job(job(webhook, number)))
                one.now += 1
            found = await one.attempts()
            assert [attempt.number for attempt in found] == [1, 2, 1, 2]
            assert [attempt.sid == promised for attempt in found] == [True, False, False, False]
            assert len({attempt.sid for attempt in found}) == 4
            assert [alert.attempt and alert.attempt.sid for alert in one.alerts] == [one.sid for one in found]

    run(body)


@ONE_ENGINE
def test_a_job_that_lost_its_lease_makes_no_further_attempt(database_url: str) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(status(500)) as server:
            webhook = Webhook(ACCOUNT, server.url("/#rc=5&rp=5xx"), parameters=PARAMETERS)
            held = [True, True, True, False]
            claimed = msgspec.structs.replace(job(webhook, 1), holds=lambda: held.pop(0))
            with pytest.raises(LeaseLost):
                await one.delivery.run_job(claimed)
            # The attempt that was made is recorded, and is no outcome.
            assert [attempt.number for attempt in await one.attempts()] == [1]
        assert len([request for request in server.requests if request]) == 1

    run(body)


@ONE_ENGINE
def test_a_refused_address_is_logged_with_its_remedy(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with world(database_url, guard=AddressGuard()) as one:
            await one.send("http://127.0.0.1:9/hook#rc=5&rp=all")

    run(body)
    (record,) = caplog.records
    assert record.getMessage() == (
        "the webhook failed at http://127.0.0.1:9/hook: 11205 connections to 127.0.0.1 are not allowed; "
        "list its network in webhook_networks; --dev allows this machine and private networks"
    )


@ONE_ENGINE
def test_what_is_tried_again_is_logged_the_first_time(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with (
            world(database_url, DeliveryOptions(schedule=(60, 600))) as one,
            peer(status(500)) as server,
        ):
            for attempts in (1, 2, 3):
                await one.delivery.run_job(job(Webhook(ACCOUNT, server.url(), token="t"), attempts))

    run(body)
    (record,) = caplog.records
    assert record.getMessage().endswith("; it is tried again in 60 s, and at most 2 times")


@ONE_ENGINE
def test_what_is_delivered_is_not_logged(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        async with world(database_url) as one, peer(flaky(status(500), OK)) as server:
            assert (await one.send(server.url("/#rp=5xx"))).delivered

    run(body)
    assert caplog.records == []


async def jobs_left(one: World) -> list[StoredJob]:
    return await one.database.read(lambda tx: list_jobs(tx, JobState.READY, 100))


def test_queued_webhooks_are_delivered_in_order_and_hanging_receivers_hold_up_no_other(
    database_url: str,
) -> None:
    async def body() -> None:
        got = asyncio.Event()
        bodies: list[str] = []

        async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            bodies.extend(Form(parsed(good.requests[-1])[3])["n"])
            if len(bodies) >= 30:
                got.set()

        async with world(database_url) as one, peer(hang) as bad, peer(take) as good:
            handler = Handler(one.delivery.run_job, concurrency=10, per_lane=3)
            runner = Runner(
                one.database, {KIND: handler}, system_clock, RunnerOptions(drain_seconds=0, poll_seconds=0.1)
            )
            await runner.start()

            async def write(tx: Tx) -> None:
                for n in range(30):
                    await enqueue_webhook(tx, Webhook(ACCOUNT, bad.url()), f"bad {n}")
                for n in range(30):
                    webhook = Webhook(ACCOUNT, good.url(), parameters=(("n", str(n)),))
                    await enqueue_webhook(tx, webhook, f"object {n % 3}")

            await one.database.write(write)
            await got.wait()
            while any(str(good.port) in waiting.lane for waiting in await jobs_left(one)):
                await asyncio.sleep(0)
            await runner.stop()
            for key in range(3):
                mine = [int(n) for n in bodies if int(n) % 3 == key]
                assert mine == sorted(mine)
            assert sorted(map(int, bodies)) == list(range(30))
            assert [waiting.lane for waiting in await jobs_left(one)] == [f"http://127.0.0.1:{bad.port}"] * 30

    run(body)
