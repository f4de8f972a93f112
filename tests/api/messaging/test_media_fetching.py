"""Attachments on their way out: what is fetched and kept, and what fails a message."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.conftest import Api, assert_error
from api.messaging.apps import App, alerts, app, codes, response, settle
from api.messaging.outcomes import callbacks, phone, reaches, states, until
from api.messaging.stock import MESSAGES, TO, US, US_MMS, own, send, service
from trunkline.core.egress.client import Egress
from trunkline.core.egress.http_message import EgressRequest, Timeouts
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.media import store
from trunkline.products.messaging.media.addresses import LIFETIME
from trunkline.products.messaging.media.kinds import MAX_MESSAGE, MAX_OTHER
from trunkline.products.messaging.sending import media_fetching as fetching
from trunkline.transports.base import MediaAddress
from unit.core.egress.peers import certificate, drip, hang, peer, stall

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Traffic on the network does not depend on the engine."""

PNG = response(b"png", 200, "Content-Type: image/png")


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True}


@pytest.fixture
def web(api: Api) -> Iterator[App]:
    """Yield the server of attachments, and a number that may send them."""
    with app(api) as running:
        running.routes["/cat.png"] = PNG
        own(api, US_MMS, mms=True, rate=10_000_000)
        yield running


def outcome(api: Api, web: App, *urls: str, **form: Any) -> dict[str, Any]:
    """Return a message with attachments, once it has ended."""
    sender = {} if "MessagingServiceSid" in form else {"From": US_MMS}
    created = send(api, MediaUrl=list(urls or [web.url("/x")]), **sender, **form)
    assert created["sid"].startswith("MM")

    async def ended() -> bool:
        """Return how a message ended, with no time between one try and the next."""
        due, status = await api.node.database.read(read)
        if due is not None and due > api.clock.now:
            api.clock.now = due
            api.node.runner.wake()
        return status in ("delivered", "failed")

    async def read(tx: Tx) -> tuple[int | None, str]:
        due = await tx.value("SELECT due FROM jobs WHERE kind = 'messaging.media' AND holder IS NULL")
        return due, await tx.value("SELECT status FROM messages WHERE sid = :sid", sid=created["sid"])

    until(api, ended)
    return reaches(api, created["sid"], "delivered", "failed")


def contents(api: Api, sid: str) -> list[tuple[str, bytes]]:
    """Return the attachments of a message as the API lists and serves them, in their order."""
    found = api.get(f"{MESSAGES}/{sid}/Media.json").json()["media_list"]
    served = [api.run(api._http.get(one["uri"].removesuffix(".json"), auth=None)) for one in found]
    assert [one["content_type"] for one in found] == [one.headers["content-type"] for one in served]
    return [(one.headers["content-type"], one.content) for one in served]


@pytest.mark.parametrize("through_service", [False, True])
def test_attachments_are_fetched_kept_and_sent(api: Api, web: App, through_service: bool) -> None:
    web.routes["/card"] = response(b"card", 200, "Content-Type: Text/VCard; charset=utf-8")
    form = (
        {"MessagingServiceSid": service(api, own(api, US, mms=True, rate=10_000_000))}
        if through_service
        else {}
    )
    shown = outcome(api, web, web.url("/cat.png?size=1#top"), web.url("/card", "me:pass@"), **form)
    assert (shown["status"], shown["num_media"], shown["num_segments"]) == ("delivered", "2", "1")
    assert contents(api, shown["sid"]) == [("image/png", b"png"), ("text/vcard", b"card")]
    first, second = web.requests
    assert (first.method, first.path, first.headers["user-agent"]) == (
        "GET",
        "/cat.png?size=1",
        "TwilioProxy/1.1",
    )
    assert "accept-encoding" not in first.headers, "what comes is kept as it is"
    assert (second.path, second.headers["authorization"]) == ("/card", "Basic bWU6cGFzcw==")
    sent = msgspec.json.decode(phone(api, TO)[-1].media, type=list[MediaAddress])
    assert [medium.content_type for medium in sent] == ["image/png", "text/vcard"]
    root = f"{api.node.address.url}{MESSAGES}/{shown['sid']}/Media/ME"
    assert [medium.url[:-32] for medium in sent] == [root] * 2
    assert alerts(api) == []


REDIRECT = "Location: /cat.png"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@ONE_ENGINE
def test_redirects_are_followed(api: Api, web: App, status: int) -> None:
    web.routes["/x"] = response(b"y" * 1000, status, "Location: deep/../cat.png?a=b#c")
    shown = outcome(api, web)
    assert shown["status"] == "delivered"
    assert [one.path for one in web.requests] == ["/x", "/cat.png?a=b"]
    assert contents(api, shown["sid"]) == [("image/png", b"png")]


@ONE_ENGINE
def test_five_redirects_and_no_more(api: Api, web: App) -> None:
    for number in range(1, 7):
        web.routes[f"/{number}"] = response("", 302, f"Location: /{number - 1}" if number > 1 else REDIRECT)
    assert outcome(api, web, web.url("/5"))["status"] == "delivered"
    assert outcome(api, web, web.url("/6"))["error_code"] == 11215


BOMB = gzip.compress(b"\0" * 10_000_000)
PNG_TYPE, CARD_TYPE = "Content-Type: image/png", "Content-Type: text/vcard"


def chunked(kind: str, size: int) -> bytes:
    """Return a response that does not state its length."""
    head = f"HTTP/1.1 200 OK\r\n{kind}\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n"
    return head.encode() + b"x" * size + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (response("", 404), 11200),
        (response("", 500), 11200),
        (response("", 304), 11200),
        (response("", 302, "X-No-Location: 1"), 11200),
        (response("", 302, "Location: /x"), 11215),
        (response("", 302, "Location: file:///etc/passwd"), 11100),
        (response("", 302, "Location: http://[bad"), 11100),
        (response("<html>"), 12300),
        (response("x", 200, "X-No-Type: 1"), 12300),
        (response("x", 200, "Content-Type: application/octet-stream"), 12300),
        (response(BOMB, 200, PNG_TYPE, "Content-Encoding: gzip"), 12300),
        (response("", 200, PNG_TYPE), 11770),
        (response("", 204, PNG_TYPE), 11770),
        (response(b"x" * (MAX_MESSAGE + 1), 200, PNG_TYPE), 11751),
        (chunked(PNG_TYPE, MAX_MESSAGE + 1), 11751),
        (response(b"x" * (MAX_OTHER + 1), 200, CARD_TYPE), 11751),
        (b"garbage\r\n\r\n", 11206),
    ],
)
@ONE_ENGINE
def test_what_is_no_attachment_fails_the_message(api: Api, web: App, content: bytes, code: int) -> None:
    web.routes["/x"] = content
    shown = outcome(api, web, web.url("/cat.png"), web.url("/x", "me:secret@"))
    assert (shown["status"], shown["error_code"]) == ("failed", code)
    assert shown["error_message"] not in (None, "Unknown error")
    assert contents(api, shown["sid"]) == []
    assert phone(api, TO) == []
    assert web.paths().count("/x") == {11206: 3, 11215: 6}.get(code, 1), "what will not change is asked once"
    [alert] = alerts(api)
    assert (alert["error_code"], alert["log_level"]) == (str(code), "error")
    assert (alert["resource_sid"], alert["request_url"]) == (shown["sid"], web.url("/x"))


@pytest.mark.parametrize(
    ("sizes", "status"),
    [
        ([(PNG_TYPE, MAX_MESSAGE)], "delivered"),
        ([(CARD_TYPE, MAX_OTHER), (PNG_TYPE, MAX_MESSAGE - MAX_OTHER)], "delivered"),
        ([(PNG_TYPE, MAX_MESSAGE), (PNG_TYPE, 1)], "failed"),
        ([(PNG_TYPE, MAX_MESSAGE - 10), (CARD_TYPE, 11)], "failed"),
    ],
)
@ONE_ENGINE
def test_all_attachments_together_have_a_limit(
    api: Api, web: App, sizes: list[tuple[str, int]], status: str
) -> None:
    for number, (kind, size) in enumerate(sizes):
        web.routes[f"/{number}"] = response(b"x" * size, 200, kind)
    shown = outcome(api, web, *(web.url(f"/{number}") for number in range(len(sizes))))
    assert (shown["status"], shown["error_code"]) == (status, 11751 if status == "failed" else None)


@pytest.mark.parametrize(
    ("reply", "code"), [(hang, (11200, 11203)), (stall, (11200, 11203)), (drip, (11203, 11751))]
)
@ONE_ENGINE
def test_who_is_too_slow_is_asked_three_times(
    api: Api, web: App, monkeypatch: pytest.MonkeyPatch, reply: Any, code: tuple[int, ...]
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUTS", Timeouts(connect=1, read=0.05, total=0.1))
    web.routes["/x"] = reply
    shown = outcome(api, web)
    assert (shown["status"], shown["error_code"] in code) == ("failed", True), shown["error_code"]
    assert len(web.requests) == (1 if shown["error_code"] == 11751 else 3)
    assert codes(api) == [str(shown["error_code"])]


@ONE_ENGINE
def test_who_comes_back_is_heard(api: Api, web: App) -> None:
    tries: list[None] = []

    async def flap(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(None)
        if len(tries) > 2:
            writer.write(PNG)
        else:
            writer.close()

    web.routes["/x"] = flap
    shown = outcome(api, web)
    assert shown["status"] == "delivered"
    assert contents(api, shown["sid"]) == [("image/png", b"png")]
    assert alerts(api) == []


@ONE_ENGINE
def test_nobody_there_no_such_host_and_no_trust(api: Api, web: App, tmp_path: Path) -> None:
    assert outcome(api, web, "http://127.0.0.1:1/")["error_code"] == 11202
    assert outcome(api, web, "http://nobody.invalid/")["error_code"] == 11210
    context, _ = certificate(tmp_path, "127.0.0.1")
    running = peer(PNG, tls=context)
    server = api.run(running.__aenter__())
    try:
        assert outcome(api, web, server.url("/", "https"))["error_code"] == 11237
    finally:
        api.run(running.__aexit__(None, None, None))
    assert server.requests == []
    assert codes(api) == ["11202", "11210", "11237"]


class TestGuarded:
    """Without ``--dev``."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"dev": False}

    @ONE_ENGINE
    def test_private_addresses_are_refused(
        self, api: Api, web: App, caplog: pytest.LogCaptureFixture
    ) -> None:
        for url in (
            web.url("/cat.png"),
            "http://10.0.0.1/",
            "http://[::1]/",
            "http://169.254.169.254/latest",
        ):
            shown = outcome(api, web, url)
            assert (shown["status"], shown["error_code"]) == ("failed", 11205)
        assert (web.requests, codes(api)) == ([], ["11205"] * 4)
        logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len(logged) == 4
        assert (
            f" failed at {web.url('/cat.png')}: 11205 connections to 127.0.0.1 are not allowed" in logged[0]
        )
        assert ["webhook_networks" in line for line in logged] == ["169.254." not in line for line in logged]


def test_a_failure_is_called_back(api: Api, web: App) -> None:
    web.routes["/x"] = response("", 404)
    created = send(api, From=US_MMS, MediaUrl=web.url("/x"), StatusCallback=web.url("/status"))
    reaches(api, created["sid"], "failed")
    [call] = callbacks(api, created["sid"])
    assert (states([call]), call["ErrorCode"]) == (["failed"], "11200")


def test_a_message_that_ends_while_it_is_fetched_for(api: Api, web: App) -> None:
    """Discard an attachment whose message ran out and was deleted before it came; nothing is left to do."""
    go = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(PNG)

    web.routes["/x"] = wait
    created = send(api, From=US_MMS, MediaUrl=web.url("/x"), ValidityPeriod="5")

    async def requested() -> bool:
        return bool(web.requests)

    until(api, requested)
    assert_error(api.delete(f"{MESSAGES}/{created['sid']}.json"), 409, 20009)
    shown = reaches(api, created["sid"], "failed", step=6)
    assert shown["error_code"] == 30036
    assert api.delete(f"{MESSAGES}/{created['sid']}.json").status_code == 204
    go.set()
    settle(api)
    assert alerts(api) == []
    assert api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs"))) == 0


def test_a_short_link_to_an_attachment(api: Api, web: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Append one for each attachment, at the end of the text; it lives for 365 days and no longer than its
    attachment.
    """
    monkeypatch.setattr(api.messaging.carriers.all[0], "carries_media", lambda recipient: False)
    mine = service(api, own(api, US, mms=True, rate=10_000_000))
    web.routes["/page"] = response(b"BEGIN:VCARD", 200, CARD_TYPE)
    form = {"MessagingServiceSid": mine, "Body": ""}
    shown = outcome(api, web, web.url("/cat.png"), web.url("/page"), **form)
    links = phone(api, TO)[-1].body.split(" ")
    assert [link[:-7] for link in links] == [f"{api.node.address.url}/m/"] * 2
    one, two = (link[-10:] for link in links)

    def fetch(path: str, method: str = "GET") -> Any:
        return api.run(api._http.request(method, path, auth=None))

    served = fetch(two)
    assert (served.status_code, served.content) == (200, b"BEGIN:VCARD")
    headers = {name: served.headers[name] for name in ("content-type", "x-content-type-options")}
    assert headers == {"content-type": "text/vcard", "x-content-type-options": "nosniff"}
    looked = fetch(two, "HEAD")
    assert (looked.status_code, looked.content, looked.headers["content-length"]) == (200, b"", "11")
    for path, method in [(two, "POST"), ("/m/aaaaaaa", "GET"), (one + "a", "GET"), ("/m/", "GET")]:
        assert_error(fetch(path, method), 404, 20404)
    [first, _] = api.get(f"{MESSAGES}/{shown['sid']}/Media.json").json()["media_list"]
    assert api.delete(first["uri"]).status_code == 204
    assert_error(fetch(one), 404, 20404)
    api.clock.advance(LIFETIME // 1_000_000 - 60)
    assert fetch(two).status_code == 200
    api.clock.advance(61)
    assert_error(fetch(two), 404, 20404)


def test_a_repeated_job_keeps_nothing_twice(api: Api, web: App) -> None:
    """Repeat a job as after a crash between the attachments and the end of the job."""
    shown = outcome(api, web, web.url("/cat.png"))
    payload = f'["{shown["account_sid"]}","{shown["sid"]}"]'

    async def again(tx: Tx) -> None:
        await enqueue(tx, Job("messaging.media", payload))

    api.run(api.node.database.write(again))
    settle(api)
    assert len(web.requests) == 1
    kept = api.run(api.node.database.read(lambda tx: store.all_media(tx, shown["account_sid"], shown["sid"])))
    assert len(kept) == 1


def blob_count(api: Api) -> int:
    return api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs")))


def test_attachments_are_fetched_side_by_side_and_kept_in_their_order(api: Api, web: App) -> None:
    paths = [f"/{number}" for number in range(fetching._OF_MESSAGE)]

    def last_first(path: str) -> Any:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while path != paths[-1] and following[path] not in served:
                await asyncio.sleep(0)
            served.append(path)
            writer.write(response(path, 200, PNG_TYPE))

        return serve

    served: list[str] = []
    following = dict(pairwise(paths))
    web.routes |= {path: last_first(path) for path in paths}
    shown = outcome(api, web, *(web.url(path) for path in paths))
    assert shown["status"] == "delivered"
    assert served == paths[::-1]
    assert contents(api, shown["sid"]) == [("image/png", path.encode()) for path in paths]


@pytest.mark.parametrize("bad", [response("", 404), response("<html>"), response("", 200, PNG_TYPE)])
def test_nothing_is_kept_of_a_message_that_lacks_an_attachment(api: Api, web: App, bad: bytes) -> None:
    web.routes["/x"] = bad
    assert outcome(api, web, web.url("/cat.png"), web.url("/x"), web.url("/cat.png"))["status"] == "failed"
    assert blob_count(api) == 0


@ONE_ENGINE
def test_the_first_attachment_in_the_list_decides_about_the_error(api: Api, web: App) -> None:
    """Report the first attachment of the list, not the one that failed first."""
    failed = asyncio.Event()

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await failed.wait()
        writer.write(response("<html>"))

    async def early(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response("", 404))
        failed.set()

    web.routes |= {"/late": late, "/early": early}
    shown = outcome(api, web, web.url("/cat.png"), web.url("/late"), web.url("/early"))
    assert shown["error_code"] == 12300
    assert [one["request_url"] for one in alerts(api)] == [web.url("/late")]


class HeldAttachments:
    """Attachments whose server responds to each when the test lets it."""

    def __init__(self, web: App, count: int) -> None:
        self.urls = [web.url(f"/held/{number}") for number in range(count)]
        self.requests: list[int] = []
        self.gone: list[int] = []
        self.replies: list[asyncio.Future[bytes]] = []
        for number in range(count):
            web.routes[f"/held/{number}"] = self._route(number)

    def _route(self, number: int) -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.requests.append(number)
            reply = asyncio.get_running_loop().create_future()
            self.replies.append(reply)
            gone = asyncio.create_task(reader.read())
            await asyncio.wait((reply, gone), return_when=asyncio.FIRST_COMPLETED)
            if reply.done():
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                writer.write(reply.result())
            else:
                self.gone.append(number)
                writer.close()

        return serve

    def reply(self, api: Api, number: int, content: bytes) -> None:
        """Respond to a request for this one."""

        async def write() -> None:
            self.replies[self.requests.index(number)].set_result(content)

        api.run(write())

    def wait(self, api: Api, requested: int, gone: int = 0) -> None:
        """Wait until so many were requested, and so many requests were cancelled."""

        async def reached() -> bool:
            return (len(self.requests), len(self.gone)) == (requested, gone)

        until(api, reached)


def test_a_message_fetches_three_attachments_at_once(api: Api, web: App) -> None:
    held = HeldAttachments(web, 10)
    sid = send(api, MediaUrl=held.urls, From=US_MMS)["sid"]
    for number in range(10):
        held.wait(api, min(number + 3, 10))
        held.reply(api, number, response(str(number), 200, PNG_TYPE))
    reaches(api, sid, "delivered")
    assert held.requests == list(range(10))
    assert contents(api, sid) == [("image/png", str(number).encode()) for number in range(10)]


@pytest.mark.parametrize("bad", [response("", 404), response("<html>"), response("", 200, PNG_TYPE)])
def test_the_first_attachment_that_fails_ends_the_others(api: Api, web: App, bad: bytes) -> None:
    held = HeldAttachments(web, 10)
    sid = send(api, MediaUrl=held.urls, From=US_MMS)["sid"]
    held.wait(api, 3)
    held.reply(api, 1, PNG)
    held.wait(api, 4)
    held.reply(api, 0, bad)
    assert reaches(api, sid, "failed")["error_code"] in (11200, 12300, 11770)
    held.wait(api, 4, gone=2)
    assert (sorted(held.gone), blob_count(api)) == ([2, 3], 0)


def test_a_failure_ends_those_behind_it_and_waits_for_those_before(api: Api, web: App) -> None:
    held = HeldAttachments(web, 10)
    sid = send(api, MediaUrl=held.urls, From=US_MMS)["sid"]
    held.wait(api, 3)
    held.reply(api, 1, response("", 404))
    held.wait(api, 3, gone=1)
    assert held.gone == [2]
    held.reply(api, 0, PNG)
    assert reaches(api, sid, "failed")["error_code"] == 11200
    assert [one["request_url"] for one in alerts(api)] == [held.urls[1]]
    assert (held.requests, blob_count(api)) == ([0, 1, 2], 0)


@ONE_ENGINE
def test_a_dead_host_costs_no_request_for_each_attachment(
    api: Api, web: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [f"http://127.0.0.1:1/{number}" for number in range(10)]
    stream, requests = Egress.stream, list[str]()

    def counted(egress: Egress, request: EgressRequest) -> Any:
        requests.append(request.url)
        return stream(egress, request)

    monkeypatch.setattr(Egress, "stream", counted)
    assert outcome(api, web, *urls)["error_code"] == 11202
    assert requests.count(urls[0]) == fetching.TRIES
    assert set(requests) <= set(urls[: fetching._OF_MESSAGE])


@pytest.mark.parametrize("name", ["add_medium", "continue_with_media"])
def test_a_transaction_that_fails_keeps_nothing_and_is_tried_again(
    api: Api, web: App, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = store if name == "add_medium" else fetching
    real, counts = getattr(place, name), list[int]()

    async def fail_once(tx: Tx, *arguments: Any) -> Any:
        result = await real(tx, *arguments)
        counts.append(await tx.value("SELECT count(*) FROM blobs"))
        if len(counts) == 1:
            raise ZeroDivisionError
        return result

    monkeypatch.setattr(place, name, fail_once)
    assert outcome(api, web, web.url("/cat.png"), web.url("/cat.png"))["status"] == "delivered"
    assert set(counts) == {2}, "nothing is left of the first try"
    assert blob_count(api) == 2
