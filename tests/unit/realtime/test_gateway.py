"""The door with real sockets: log-in, requests, events, expiry, revocation, and how connections end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus

from trunkline.api.errors import ApiError
from trunkline.api.uvicorn_protocol import HttpProtocol
from trunkline.core.storage.database import DamagedData, Unavailable
from trunkline.realtime.border import Peer, TunnelReply, TunnelRequest
from trunkline.realtime.connection import MOST_WAITING
from trunkline.realtime.gateway import ConnectionLimits
from trunkline.realtime.objects.hub import TopicEvent
from trunkline.realtime.session import MISSES
from trunkline.realtime.websocket import MAX_QUEUED_BYTES
from unit.realtime.conftest import Run
from unit.realtime.running import TIMEOUT, client, clients, event, world
from unit.realtime.wire import init, packet, request


def test_a_client_logs_in_asks_and_goes(run: Run) -> None:
    async def test() -> None:
        async with world() as made:
            async with client(made) as one:
                got = await one.login()
                assert got.header["status"]["code"] == 200
                assert made.presence == [("connected", "alice")]
                assert [peer.grant.identity for peer in made.gateway.peers()] == ["alice"]
                got = await one.request("POST", "/v3/Maps", {"ü": 1})
                assert (got.header["http_status"]["code"], got.payload) == (200, {"ü": 1})
                await one.send(packet("close"))
                assert await one.ended() == 1000
            await made.until(lambda: len(made.gateway) == 0)
            assert made.presence == [("connected", "alice"), ("disconnected", "alice")]
            assert made.state.connections == set()

    run(test())


@pytest.mark.parametrize(
    ("token", "code", "word", "number"),
    [
        ("bad", 401, "UNAUTHORIZED", 20107),
        ("busy", 429, "TOO_MANY_REQUESTS", 51202),
        ("bug", 500, "INTERNAL_SERVER_ERROR", None),
    ],
)
def test_a_refused_client_is_told_and_hung_up_on(
    run: Run, token: str, code: int, word: str, number: int | None
) -> None:
    async def test() -> None:
        async with world() as made, client(made) as one:
            status = (await one.login(token)).header["status"]
            assert (status["code"], status["status"], status.get("errorCode")) == (code, word, number)
            assert await one.ended() == 1000
            assert made.presence == []

    run(test())


def test_errors_of_the_tunnel_are_http_errors(run: Run) -> None:
    async def handler(peer: Peer, incoming: TunnelRequest) -> TunnelReply:
        if incoming.segments == ("busy",):
            raise ApiError(20429, headers={"Retry-After": "1"})
        raise {"away": Unavailable, "damaged": DamagedData}.get(incoming.segments[0], ZeroDivisionError)

    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            made.handler = handler
            got = await one.request("GET", "/busy")
            assert (got.header["http_status"]["code"], got.payload["code"]) == (429, 20429)
            assert got.header["http_headers"]["retry-after"] == "1"
            got = await one.request("GET", "/bug")
            assert (got.header["status"]["code"], got.header["http_status"]["code"]) == (200, 500)
            assert (await one.request("GET", "/bug")).payload["status"] == 500
            # Clients repeat a 503 by themselves, and a 500 not.
            assert (await one.request("GET", "/away")).payload["code"] == 20503
            assert (await one.request("GET", "/damaged")).payload["code"] == 20500

    run(test())


def test_pings_and_the_wait_for_a_log_in_go_on_after_the_clock_was_set_back(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one], client(made) as stranger:
            await made.until(lambda: len(made.gateway) == 2)
            made.advance(1)
            made.advance(-3 * 3600)
            made.advance(31)
            assert (await one.receive()).header["method"] == "ping"
            assert await stranger.ended() == 1000

    run(test())


def test_events_reach_everybody_but_the_author(run: Run) -> None:
    async def handler(peer: Peer, incoming: TunnelRequest) -> TunnelReply:
        if incoming.method == "PUT":
            for id in (1, 2):
                made.hub.publish("MP1", TopicEvent(id, lambda _, id=id: event(f"event {id}"), peer.id))
            return TunnelReply(201, then=(event("noop"),))
        made.hub.establish(made.hub.begin(peer, "MP1"), 0)
        return TunnelReply(200)

    made: Any = None

    async def test() -> None:
        nonlocal made
        async with world() as made, clients(made, "alice", "alice", "bob") as everybody:
            made.handler = handler
            for one in everybody:
                await one.request("GET", "/subscribe")
            author, *others = everybody
            assert (await author.request("PUT", "/write")).header["http_status"]["code"] == 201
            assert (await author.receive()).payload == "noop"
            for one in others:
                first, second = await one.receive(), await one.receive()
                assert (first.payload, second.payload) == ("event 1", "event 2")
                assert first.header["method"] == "notification"
                assert first.header["message_type"] == "twilio.sync.event"
                await one.acknowledge(first)
            await others[0].socket.close()
            await made.until(lambda: len(made.hub.subscribers("MP1")) == 2)

    run(test())


def test_requests_of_one_connection_wait_for_one_another(run: Run) -> None:
    async def test() -> None:
        release, running = asyncio.Event(), list[str]()

        async def handler(peer: Peer, incoming: TunnelRequest) -> TunnelReply:
            running.append(incoming.segments[0])
            await release.wait()
            return TunnelReply(200)

        async with world() as made, clients(made, "alice", "bob") as [one, other]:
            made.handler = handler
            for name in "ab":
                await one.send(request("GET", f"/{name}", name))
            await other.send(request("GET", "/c", "c"))
            await made.until(lambda: len(running) == 2)
            assert running == ["a", "c"]
            release.set()
            assert [(await one.receive()).header["id"] for _ in "ab"] == ["a", "b"]
            assert running == ["a", "c", "b"]

    run(test())


def test_a_flood_of_requests_is_read_no_faster_than_it_is_answered(run: Run) -> None:
    async def test() -> None:
        release = asyncio.Event()

        async def handler(peer: Peer, incoming: TunnelRequest) -> TunnelReply:
            await release.wait()
            return TunnelReply(200)

        async with world() as made, clients(made, "alice") as [one]:
            made.handler = handler
            connection: Any = made.gateway.peers()[0]
            size = 64 * 1024
            flood = asyncio.create_task(_flood(one, 3 * MOST_WAITING, size))
            await made.until(lambda: connection._throttled)
            waiting = connection._session.backlog
            assert MOST_WAITING < waiting < 2 * MOST_WAITING
            release.set()
            for number in range(3 * MOST_WAITING):
                assert (await one.receive()).header["id"] == str(number)
            await flood

    run(test())


async def _flood(one: Any, number: int, size: int) -> None:
    for id in range(number):
        await one.send(request("POST", "/x", str(id), "x" * size))


def test_long_answers_wait_until_those_before_are_read(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            await _request_much(made, one)
            for number in range(MUCH):
                assert (await one.receive()).header["id"] == str(number)

    run(test())


def test_a_client_that_never_reads_its_answers_is_given_up(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            begun = await _request_much(made, one)
            for _ in range(MISSES + 1):
                assert len(made.gateway) == 1
                made.advance(31)
            answered = len(begun)
            await made.until(lambda: len(made.gateway) == 0)
            await made.gateway.stop()
            assert len(begun) == answered < MUCH

    run(test())


MUCH = MOST_WAITING - 4


async def _request_much(made: Any, one: Any) -> list[TunnelRequest]:
    """Send requests with long answers, more than may be queued, until the server is held up; those that it began."""
    begun: list[TunnelRequest] = []

    async def handler(peer: Peer, incoming: TunnelRequest) -> TunnelReply:
        begun.append(incoming)
        return TunnelReply(200, {}, b'"' + b"x" * (MAX_QUEUED_BYTES // 4) + b'"')

    made.handler = handler
    connection: Any = made.gateway.peers()[0]
    for number in range(MUCH):
        await one.send(request("GET", "/x", str(number)))

    await made.until(
        lambda: connection._socket.behind and len(begun) + connection._session.backlog == MUCH - 1
    )
    return begun


def test_a_token_expires(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice/200") as [one]:
            made.advance(21)
            got = await one.receive()
            assert got.header["client_update_type"] == "token_about_to_expire"
            await one.acknowledge(got)
            await one.send(packet("update", "TMu", token="alice/300"))
            assert (await one.receive()).header["id"] == "TMu"
            made.advance(100)
            assert (await one.receive()).header["method"] == "ping"
            made.advance(199)
            again = [(await one.receive()).header["method"] for _ in range(2)]
            assert again == ["client_update", "ping"]
            made.advance(1)
            assert (await one.receive()).header["status"]["code"] == 410

    run(test())


def test_a_token_runs_out(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice/190") as [one]:
            made.advance(190)
            got = await one.receive()
            assert (got.header["method"], got.header["status"]["code"]) == ("close", 410)
            await one.acknowledge(got)
            assert await one.ended() == 1000

    run(test())


def test_an_update_for_somebody_else_ends_the_connection(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            await one.send(packet("update", token="bob"))
            assert (await one.receive()).header["status"]["errorCode"] == 51215
            assert await one.ended() == 1000

    run(test())


def test_a_client_that_says_nothing_is_hung_up_on(run: Run) -> None:
    async def test() -> None:
        async with world() as made, client(made) as one:
            await made.until(lambda: len(made.gateway) == 1)
            made.advance(11)
            assert await one.ended() == 1000

    run(test())


def test_a_client_that_answers_no_ping_is_cut_off(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            for _ in range(2):
                made.advance(31)
                assert (await one.receive()).header["method"] == "ping"
            made.advance(31)
            assert await one.ended() == 1006
            await made.until(lambda: made.presence[-1] == ("disconnected", "alice"))

    run(test())


def test_text_and_garbage_are_not_acceptable(run: Run) -> None:
    async def test() -> None:
        for message in ("TWILSOCK", b"TWILSOCK"):
            async with world() as made, client(made) as one:
                await one.socket.send(message)
                got = await one.receive()
                assert got.header["status"]["code"] == 406
                await one.acknowledge(got)
                assert await one.ended() == 1000

    run(test())


def test_a_client_that_comes_back_replaces_the_connection_it_lost(run: Run) -> None:
    async def test() -> None:
        async with world() as made, client(made) as old, client(made) as new:
            token = (await old.login()).header["continuation_token"]
            got = await new.login(continuation_token=token)
            assert got.header["continuation_token_status"]["reissued"] is False
            assert await old.ended() == 1006
            await made.until(lambda: len(made.presence) == 3)
            assert [what for what, _ in made.presence] == ["connected", "connected", "disconnected"]
            [peer] = made.gateway.peers()
            peer.send(event("still there"))
            assert (await new.receive()).payload == "still there"

    run(test())


def test_revocation_ends_connections_at_once(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice", "bob") as [one, other]:
            made.gateway.close_where(lambda grant: grant.identity == "alice")
            got = await one.receive()
            assert (got.header["method"], got.header["status"]["code"]) == ("close", 401)
            await one.acknowledge(got)
            assert await one.ended() == 1000
            assert (await other.request("GET", "/x")).header["http_status"]["code"] == 200

    run(test())


def test_revocation_overtakes_a_log_in(run: Run) -> None:
    async def test() -> None:
        async with world() as made, client(made) as one:
            made.verifying = asyncio.Event()
            await one.send(init("alice"))
            connection: Any = None
            await made.until(lambda: len(made.gateway) == 1)
            [connection] = made.gateway._connections
            await made.until(lambda: connection._vetoes is not None)
            made.gateway.close_where(lambda grant: grant.identity == "alice")
            made.verifying.set()
            status = (await one.receive()).header["status"]
            assert (status["code"], status["errorCode"]) == (401, 20103)

    run(test())


@pytest.mark.parametrize(
    ("limits", "path", "origin", "code"),
    [
        (ConnectionLimits(), "/v3/other", None, 404),
        (ConnectionLimits(origins=frozenset({"http://a"})), "/v3/wsconnect", "http://b", 403),
        (ConnectionLimits(max_connections=0), "/v3/wsconnect", None, 503),
    ],
)
def test_who_may_not_come_in(
    run: Run, limits: ConnectionLimits, path: str, origin: str | None, code: int
) -> None:
    async def test() -> None:
        async with world(limits) as made:
            with pytest.raises(InvalidStatus) as caught:
                async with client(made, path, origin=origin):
                    pass
            assert caught.value.response.status_code == code
            assert caught.value.response.headers["content-type"] == "application/json"
            await made.until(lambda: not made.state.connections)

    run(test())


@pytest.mark.parametrize("origin", [None, "http://a"])
def test_who_may_come_in(run: Run, origin: str | None) -> None:
    async def test() -> None:
        limits = ConnectionLimits(frozenset({"/ws"}), frozenset({"http://a"}))
        async with world(limits) as made, client(made, "/ws?x=1", origin=origin) as one:
            assert (await one.login()).header["status"]["code"] == 200

    run(test())


def test_a_server_that_stops_sends_its_clients_away(run: Run) -> None:
    async def test() -> None:
        async with world() as made:
            config = uvicorn.Config(
                made.config.app,
                http=HttpProtocol,
                ws=made.gateway.protocol,  # type: ignore[arg-type]
                lifespan="off",
                port=0,
                log_config=None,
                timeout_graceful_shutdown=8,
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server._serve())
            await made.until(lambda: server.started)
            made.port = server.servers[0].sockets[0].getsockname()[1]
            async with clients(made, "alice", "bob") as everybody, client(made) as silent:
                await made.until(lambda: len(made.gateway) == 3)
                server.should_exit = True
                waits = set()
                for one in everybody:
                    got = await one.receive()
                    assert (got.header["method"], got.header["status"]["code"]) == ("close", 308)
                    waits.add(got.payload["backoff_policy"]["reconnect_min_ms"])
                    await one.acknowledge(got)
                    assert await one.ended() == 1000
                assert len(waits) == 2
                assert await silent.ended() == 1000
                async with asyncio.timeout(TIMEOUT):
                    await serving
            assert len(made.gateway) == 0

    run(test())
