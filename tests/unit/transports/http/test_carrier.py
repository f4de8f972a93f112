"""The HTTP carrier against gateways on loopback that answer, refuse, hang and vanish."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from trunkline.core import outages
from trunkline.core.database_clock import DatabaseClock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import Failure
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.remedies import REMEDIES
from trunkline.transports import carriers
from trunkline.transports.base import (
    Acceptance,
    Deferral,
    Outcome,
    Receipt,
    ReceiptState,
    Rejection,
    UnknownOutcome,
    lease_ended,
)
from trunkline.transports.http import carrier as module
from trunkline.transports.http.carrier import HttpCarrier
from trunkline.transports.http.protocol import BadReport
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.smpp.carrier import SmppCarrier
from unit.core.egress.peers import Peer, Reply, hang, peer, stall
from unit.transports.smpp.routes import Recorder, submission
from unit.transports.smpp.routes import route as smpp_route

SECRET = "a secret of the gateway"


def response(status: int, body: bytes = b"", *lines: str) -> bytes:
    """Return a response as it goes over the wire."""
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


ACCEPTED = response(202, b'{"id": "g1"}')


@asynccontextmanager
async def carrier(url: str, **options: Any) -> AsyncIterator[tuple[HttpCarrier, Recorder]]:
    """Yield a started carrier, and what it receives."""
    route = HttpRoute(name="gate", url=url, secret=SECRET, **options)
    made, recorder = HttpCarrier(route, Egress(AddressGuard(allow_private=True))), Recorder()
    await made.start(recorder)
    try:
        yield made, recorder
    finally:
        await made.stop()


def play(
    reply: Reply | bytes, scenario: Callable[[HttpCarrier, Peer], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Run a scenario with a gateway that replies so."""

    async def run() -> None:
        async with (
            asyncio.timeout(20),
            peer(reply) as gateway,
            carrier(gateway.url("/sms?key=1"), **options) as (made, _),
        ):
            await scenario(made, gateway)

    asyncio.run(run())


async def lose(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the connection when the request was read."""
    writer.close()


async def garble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff\x00 this is no HTTP\r\n\r\n")
    writer.close()


def test_a_message_is_posted_with_its_key_and_credentials() -> None:
    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        assert await made.submit(submission("Hi €", message_sid="SM7")) == Acceptance(("g1",))
        head, _, body = gateway.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first == "POST /sms?key=1 HTTP/1.1"
        expected = {"Content-Type: application/json", "Idempotency-Key: SM7", "Authorization: Basic Zm9v"}
        assert expected <= set(lines)
        assert json.loads(body)["text"] == "Hi €"
        assert made.shown() == {
            "name": "gate",
            "kind": "http",
            "ready": True,
            "url": gateway.url("/sms"),
            "failure": "",
        }

    play(ACCEPTED, scenario, authorization="Basic Zm9v")


@pytest.mark.parametrize("held", [[False], [True, False]], ids=["for its slot", "for its connection"])
def test_nothing_is_posted_when_the_lease_ended_while_it_waited(held: list[bool]) -> None:
    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        waiting = submission("Hi", holds=iter(held).__next__)
        assert await made.submit(waiting) == lease_ended(())
        assert gateway.requests == []
        assert await made.submit(submission("Hi")) == Acceptance(("g1",))

    play(ACCEPTED, scenario)


UNHEARD: list[tuple[Reply | bytes, str]] = [
    (response(500), "the gateway responded with 500"),
    (response(302, b"", "Location: /elsewhere"), "the gateway responded with 302"),
    (response(200, b"<html>"), "the gateway's response has no id"),
    (response(200, b'{"id": "' + b"x" * 100_000 + b'"}'), "the gateway's response has no id"),
    (lose, "Empty reply from server"),
    (garble, ""),
    (hang, ""),
    (stall, ""),
]


@pytest.mark.parametrize(("reply", "reason"), UNHEARD)
def test_what_the_gateway_may_have_is_unknown(reply: Reply | bytes, reason: str) -> None:
    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        outcome = await made.submit(submission())
        assert isinstance(outcome, UnknownOutcome)
        assert outcome.reason.startswith(reason)
        assert outcome.resend
        # Whatever went wrong, it was handed over once, and nowhere else.
        assert len(gateway.requests) == 1
        # The next message may be tried at once.
        assert made.ready

    play(reply, scenario, timeout=0.5 if reply in (hang, stall) else 10)


@pytest.mark.parametrize("reply", [response(500), response(200), lose])
def test_what_is_unknown_is_given_up_where_the_operator_says_so(reply: Reply | bytes) -> None:
    async def scenario(made: HttpCarrier, _: Peer) -> None:
        outcome = await made.submit(submission())
        assert isinstance(outcome, UnknownOutcome)
        assert (outcome.resend, made.resends_unknown) == (False, False)

    play(reply, scenario, unknown="fail")


def test_a_kept_connection_that_is_lost_hands_nothing_over_twice() -> None:
    replies = iter([ACCEPTED, b""])

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reply := next(replies):
            writer.write(reply)
        else:
            writer.close()

    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        assert await made.submit(submission(message_sid="SM1")) == Acceptance(("g1",))
        assert isinstance(await made.submit(submission(message_sid="SM2")), UnknownOutcome)
        assert len(gateway.requests) == 2

    play(serve, scenario)


@pytest.mark.parametrize(
    ("reply", "outcome", "ready"),
    [
        (response(400, b'{"error_code": 30005}'), Rejection(30005, "the gateway responded with 400"), True),
        (response(403, b"no"), Rejection(30008, "the gateway responded with 403"), True),
        (
            response(429, b"", "Retry-After: 7"),
            Deferral(7.0, "the gateway responded with 429", 30017, counts=False),
            False,
        ),
        (response(503), Deferral(5.0, "the gateway responded with 503", 30017), False),
        (response(401), Deferral(30.0, "the gateway responded with 401", counts=False), False),
    ],
)
def test_what_the_gateway_has_not(reply: bytes, outcome: Outcome, ready: bool) -> None:
    async def scenario(made: HttpCarrier, _: Peer) -> None:
        assert await made.submit(submission()) == outcome
        assert made.shown()["failure"] == outcome.reason  # type: ignore[union-attr]
        assert made.ready is ready

    play(reply, scenario)


def test_a_gateway_that_asked_for_a_pause_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)

    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        nonlocal now
        await made.submit(submission(message_sid="SM1"))
        waited = await made.submit(submission(message_sid="SM2"))
        assert waited == Deferral(60.0, "the gateway responded with 429", counts=False)
        assert len(gateway.requests) == 1
        now += 59.9
        assert not made.ready
        now += 0.1
        assert made.ready
        await made.submit(submission(message_sid="SM2"))
        assert len(gateway.requests) == 2

    play(response(429, b"", "Retry-After: 60"), scenario)


def test_failures_are_logged_where_they_begin_and_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outages, "CALM_SECONDS", 0)
    replies = iter([response(403, b"no"), *[response(400)] * 10, ACCEPTED])

    async def flaky(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(replies))

    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        for _ in range(12):
            await made.submit(submission())
        where = gateway.url("/sms")
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            (
                "WARNING",
                f"gate: messages to {where} fail: the gateway responded with 403; correct its authorization",
            ),
            ("WARNING", "gate: the gateway accepts messages again"),
        ]

    with caplog.at_level(logging.INFO, "trunkline.http"):
        play(flaky, scenario)


def test_a_gateway_at_a_forbidden_address_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with carrier("http://169.254.1.1/") as (made, _):
            assert isinstance(await made.submit(submission()), Deferral)

    asyncio.run(run())
    (line,) = caplog.messages
    assert line.endswith(REMEDIES[Failure.ADDRESS_UNFIT])


class Storage:
    """A database that has nothing but its clock."""

    def __init__(self) -> None:
        self.clock = DatabaseClock()


def test_the_trusted_certificates_are_those_of_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    class Client(Egress):
        def __init__(self, guard: AddressGuard, *, ca_file: str = "", verify: bool = True) -> None:
            given.append(ca_file)

    monkeypatch.setattr(carriers, "Egress", Client)
    route = HttpRoute(name="gate", url="https://gate.test", secret=SECRET)
    carriers.open_carriers([route], [], Storage(), "ca.pem")  # type: ignore[arg-type]
    assert given == ["ca.pem"]


def test_parts_of_messages_have_the_time_of_the_database() -> None:
    storage = Storage()
    (carrier,) = carriers.open_carriers([smpp_route()], [], storage).all  # type: ignore[arg-type]
    assert isinstance(carrier, SmppCarrier)
    assert carrier._clock is storage.clock


def test_a_gateway_that_is_not_there_has_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def run() -> None:
        async with carrier(f"http://127.0.0.1:{port}/") as (made, _):
            outcome = await made.submit(submission())
            assert isinstance(outcome, Deferral)
            assert (outcome.after, outcome.counts) == (5.0, False)
            assert made.shown()["failure"] == outcome.reason != ""
            assert not made.ready

    asyncio.run(run())


def test_without_receipts_a_message_is_final_once_it_is_taken() -> None:
    async def scenario(made: HttpCarrier, _: Peer) -> None:
        assert await made.submit(submission()) == Acceptance(("",), final=True)

    play(response(204), scenario, receipts=False)


def test_the_window_bounds_what_is_under_way() -> None:
    under_way = most = 0
    gate = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most == 3:
            gate.set()
        await gate.wait()
        under_way -= 1
        writer.write(ACCEPTED)

    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        outcomes = await asyncio.gather(*(made.submit(submission(message_sid=f"SM{n}")) for n in range(9)))
        assert outcomes == [Acceptance(("g1",))] * 9
        assert (most, len(gateway.requests)) == (3, 9)

    play(serve, scenario, window=3)


def test_who_finds_no_room_is_not_kept_waiting_for_ever() -> None:
    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        first = asyncio.create_task(made.submit(submission(message_sid="SM1")))
        await gateway.received.wait()
        second = await made.submit(submission(message_sid="SM2", valid_for=0.01))
        assert second == Deferral(5.0, "the gateway is slow", counts=False)
        assert len(gateway.requests) == 1
        await made.stop()
        assert isinstance(await first, UnknownOutcome)

    play(hang, scenario, window=1)


def test_a_stop_ends_what_is_under_way_and_takes_nothing_more() -> None:
    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        first, second = (
            asyncio.create_task(made.submit(submission(message_sid=sid))) for sid in ("SM1", "SM2")
        )
        await gateway.received.wait()
        await made.stop()
        assert await first == UnknownOutcome("the carrier was stopped", resend=False)
        stopped = Deferral(5.0, "the carrier is stopped", counts=False)
        assert (await second, await made.submit(submission())) == (stopped, stopped)
        assert (made.ready, len(gateway.requests)) == (False, 1)

    play(hang, scenario, window=1, unknown="fail")


def test_who_waits_for_an_answer_may_be_cancelled() -> None:
    async def scenario(made: HttpCarrier, gateway: Peer) -> None:
        task = asyncio.create_task(made.submit(submission()))
        await gateway.received.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gateway.gone.wait()

    play(hang, scenario)


def test_reports_reach_the_receiver_before_they_are_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with carrier("http://127.0.0.1:9/") as (made, recorder):
            assert await made.report("receipts", b'{"id": "g1", "status": "delivered"}')
            assert recorder.receipts == [Receipt("gate", "g1", ReceiptState.DELIVERED)]
            assert await made.report("messages", b'{"id": 7, "from": "+15005550100", "to": "+15005550006"}')
            assert [(one.carrier, one.sender, one.id) for one in recorder.inbounds] == [
                ("gate", "+15005550100", "7")
            ]
            assert not await made.report("else", b"{}")
            for kind in ("receipts", "messages"):
                with pytest.raises(BadReport):
                    await made.report(kind, b'{"colour": "red"}' + b" " * 60_000)
            assert all("red" in one.text and len(one.text) < 1_000 for one in recorder.problems)
            assert len(recorder.problems) == 2
            assert len(caplog.records) == 1
            recorder.failures = 1
            with pytest.raises(OSError, match="the disk is full"):
                await made.report("receipts", b'{"id": "g1", "status": "delivered"}')

    asyncio.run(run())


@pytest.mark.parametrize(
    ("authorization", "trusted"),
    [
        (f"Bearer {SECRET}", True),
        ("", False),
        (SECRET, False),
        ("Bearer ", False),
        (f"Bearer {SECRET} ", False),
        ("Bearer ä", False),
    ],
)
def test_only_the_secret_is_trusted(authorization: str, trusted: bool) -> None:
    route = HttpRoute(name="gate", url="http://127.0.0.1:9/", secret=SECRET)

    async def run() -> None:
        made = HttpCarrier(route, Egress(AddressGuard()))
        assert made.authenticates(authorization) is trusted
        await made.stop()

    asyncio.run(run())
