"""HTTP/2 over TLS to a real peer: multiplexing, identities, trust, and every way in which a stream may end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from h2.errors import ErrorCodes

from trunkline.core.egress import pool as egress_pool
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timeouts
from trunkline.core.egress.pool import MAX_ATTEMPTS, ConnectionPool, HttpVersion, Identity, PoolOptions
from unit.core.egress.http2_peer import Authority, Connection, Handler, Stream, http2_peer
from unit.core.egress.peers import OK, peer
from unit.core.egress.sending import run

SERVERS = Authority("servers")
CLIENTS = Authority("clients")


@asynccontextmanager
async def pool(
    *, version: HttpVersion = HttpVersion.REQUIRE_2, guard: AddressGuard | None = None, **options: Any
) -> AsyncIterator[ConnectionPool]:
    egress = Egress(guard or AddressGuard(allow_private=True))
    try:
        yield egress.open_pool(PoolOptions(version, **{"trust": SERVERS.pem, **options}))
    finally:
        await egress.close()


async def send(pool: ConnectionPool, url: str, **fields: Any) -> EgressResponse:
    return await pool.send(EgressRequest(fields.pop("method", "POST"), url, body=b"{}", **fields))


async def failure(pool: ConnectionPool, url: str, **fields: Any) -> tuple[Failure, bool]:
    """Return the failure, and whether the request may have been processed."""
    with pytest.raises(EgressError) as caught:
        await send(pool, url, **fields)
    return caught.value.failure, caught.value.maybe_processed


async def statuses(pool: ConnectionPool, url: str, count: int, **fields: Any) -> list[int | Failure]:
    """Send so many requests at once: the status of each, or its failure."""
    results = await asyncio.gather(*(send(pool, url, **fields) for _ in range(count)), return_exceptions=True)
    ended: list[int | Failure] = []
    for one in results:
        assert isinstance(one, EgressResponse | EgressError), one
        ended.append(one.status if isinstance(one, EgressResponse) else one.failure)
    return ended


class Script:
    """A handler that responds to the first stream, and when ``count`` more have come, does ``then`` with them; all
    that come later are responded to."""

    def __init__(self, count: int, then: Callable[[list[Stream]], None]) -> None:
        self._count = count
        self._then = then
        self._streams: list[Stream] = []

    def __call__(self, stream: Stream) -> None:
        self._streams.append(stream)
        if len(self._streams) == self._count + 1:
            self._then(self._streams[1:])
        elif not 1 < len(self._streams) <= self._count:
            stream.respond()


def test_many_requests_share_one_connection(tmp_path: Path) -> None:
    def all_at_once(streams: list[Stream]) -> None:
        for stream in streams:
            stream.respond(201, [("apns-id", str(stream.id))], b"x" * 1000)

    async def body() -> None:
        handler = Script(99, all_at_once)
        async with http2_peer(SERVERS.server(tmp_path, "h2"), handler) as server, pool() as client:
            assert sorted(await statuses(client, server.url("/3/device/a"), 100)) == [200] + [201] * 99
            # More than the connection's first window of 65,535 bytes, so that it was replenished.
            response = await send(client, server.url(), headers=(("apns-topic", "com.example"),))
        (connection,) = server.connections
        assert (connection.alpn, connection.most) == ("h2", 99)
        assert len({stream.id for stream in connection.streams}) == 101
        assert response.body == b"ok"
        last = connection.streams[-1]
        assert (last.headers[":method"], last.headers["apns-topic"], last.body) == (
            "POST",
            "com.example",
            b"{}",
        )
        assert not {"user-agent", "content-type"} & set(last.headers)

    run(body)


def test_the_streams_that_the_peer_allows_are_known_before_the_second_request(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, max_streams=1, late_settings=True) as server, pool() as client:
            assert await statuses(client, server.url(), 10) == [200] * 10
        assert sum(len(connection.streams) for connection in server.connections) == 10
        assert [connection.most for connection in server.connections] == [1] * len(server.connections)
        assert len(server.connections) <= 2

    run(body)


def test_requests_wait_for_a_stream_longer_than_for_a_connection(tmp_path: Path) -> None:
    async def body() -> None:
        held: list[Stream] = []

        async def slow(stream: Stream) -> None:
            held.append(stream)
            if len(server.streams) > 1:
                later = asyncio.Event()
                asyncio.get_running_loop().call_later(0.1, later.set)
                await later.wait()
            stream.respond()

        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, slow, max_streams=1) as server, pool() as client:
            timeouts = Timeouts(connect=0.2)
            assert await statuses(client, server.url(), 9, timeouts=timeouts) == [200] * 9
        assert len(server.connections) <= 2

    run(body)


def test_identities_have_connections_of_their_own(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2", clients=CLIENTS)
        one, two = Identity(*CLIENTS.issue("one")), Identity(*CLIENTS.issue("two"))
        async with (
            http2_peer(context) as server,
            pool(identity=one) as first,
            pool(identity=two) as second,
        ):
            for _ in range(2):
                assert await statuses(first, server.url(), 3) == [200] * 3
                assert await statuses(second, server.url(), 2) == [200] * 2
        assert [(one.subject, len(one.streams)) for one in server.connections] == [("one", 6), ("two", 4)]
        assert "BEGIN" not in repr(PoolOptions(identity=one))

    run(body)


@pytest.mark.parametrize(
    "identity",
    [None, Identity(*Authority("others").issue("one")), Identity("no certificate", "no key")],
    ids=["none", "untrusted", "unreadable"],
)
def test_a_client_certificate_that_is_refused(tmp_path: Path, identity: Identity | None) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2", clients=CLIENTS)
        async with http2_peer(context) as server, pool(identity=identity) as client:
            with pytest.raises(EgressError) as caught:
                await send(client, server.url())
        expected = (
            {Failure.CLIENT_CERTIFICATE} if identity else {Failure.CLIENT_CERTIFICATE, Failure.BROKEN_OFF}
        )
        assert caught.value.failure in expected
        assert server.streams == []

    run(body)


def test_trust_counts_for_one_pool_alone(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        file = tmp_path / "trust.pem"
        file.write_text(SERVERS.pem)
        async with (
            http2_peer(context) as server,
            pool() as trusting,
            pool(trust=CLIENTS.pem) as other,
            pool(trust="") as system,
        ):
            assert await failure(other, server.url()) == (Failure.TLS_UNTRUSTED, False)
            assert (await send(trusting, server.url())).status == 200
            assert await failure(other, server.url()) == (Failure.TLS_UNTRUSTED, False)
            assert await failure(system, server.url()) == (Failure.TLS_UNTRUSTED, False)
            egress = Egress(AddressGuard(allow_private=True), ca_file=str(file))
            inherited = egress.open_pool(PoolOptions(HttpVersion.REQUIRE_2))
            assert (await send(inherited, server.url())).status == 200
            await egress.close()

    run(body)


def test_the_guard_counts_for_pools_too(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context) as server, pool(guard=AddressGuard()) as client:
            assert await statuses(client, server.url(), 3) == [Failure.ADDRESS_REFUSED] * 3
        assert server.connections == []

    run(body)


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
def test_a_peer_without_http2(tmp_path: Path, protocols: tuple[str, ...]) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, *protocols)
        async with (
            peer(OK, tls=context) as server,
            pool() as requiring,
            pool(version=HttpVersion.PREFER_2) as preferring,
        ):
            url = server.url(scheme="https")
            assert await failure(requiring, url) == (Failure.HTTP_VERSION, False)
            assert server.requests == []
            assert await statuses(preferring, url, 5) == [200] * 5

    run(body)


def test_http2_is_preferred_where_the_peer_has_both(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2", "http/1.1")
        async with http2_peer(context) as server, pool(version=HttpVersion.PREFER_2) as client:
            assert await statuses(client, server.url(), 5) == [200] * 5
        assert len(server.connections) == 1

    run(body)


def test_a_clear_text_peer_is_no_http2_peer() -> None:
    async def body() -> None:
        async with peer(OK) as server, pool() as client:
            assert await failure(client, server.url()) == (Failure.HTTP_VERSION, False)
        assert server.requests == []

    run(body)


@pytest.mark.parametrize("once", [False, True])
def test_streams_above_the_last_id_of_a_goaway_are_sent_again(tmp_path: Path, once: bool) -> None:
    def go_away(streams: list[Stream]) -> None:
        connection, last = streams[0].connection, streams[2].id
        connection.go_away(last, reason=b'{"reason":"Shutdown"}')
        for stream in streams[:3]:
            stream.respond(202)

    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, Script(5, go_away)) as server, pool() as client:
            assert (await send(client, server.url())).status == 200
            ended = await statuses(client, server.url(), 5, once=once)
        assert sorted(ended) == [200, 200, 202, 202, 202]
        assert [len(connection.streams) for connection in server.connections] == [6, 2]

    run(body)


def _refuse_first(streams: list[Stream]) -> None:
    streams[0].connection.refuse(streams[0].id)
    for stream in streams[1:]:
        stream.respond()


def test_a_refused_stream_is_sent_again(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, Script(3, _refuse_first)) as server, pool() as client:
            await send(client, server.url())
            assert await statuses(client, server.url(), 3) == [200] * 3
        assert len(server.streams) == 5

    run(body)


def test_a_refused_stream_that_is_sent_once_may_have_been_processed_on_a_kept_connection(
    tmp_path: Path,
) -> None:
    """Accept that libcurl does not distinguish a refused stream from a lost connection there."""

    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, Script(3, _refuse_first)) as server, pool() as client:
            await send(client, server.url())
            ended = await statuses(client, server.url(), 3, once=True)
        assert sorted(map(str, ended)) == sorted(map(str, [200, 200, Failure.BROKEN_OFF]))
        assert len(server.streams) == 4

    run(body)


@pytest.mark.parametrize("once", [False, True])
def test_a_stream_that_is_refused_again_and_again(tmp_path: Path, once: bool) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with (
            http2_peer(context, lambda stream: stream.connection.refuse(stream.id)) as server,
            pool() as client,
        ):
            assert await failure(client, server.url(), once=once) == (Failure.STREAM_REFUSED, False)
        assert len(server.streams) == MAX_ATTEMPTS

    run(body)


def test_a_reset_stream_leaves_the_others_alone(tmp_path: Path) -> None:
    def reset_first(streams: list[Stream]) -> None:
        streams[0].reset(ErrorCodes.INTERNAL_ERROR)
        for stream in streams[1:]:
            stream.respond()

    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, Script(3, reset_first)) as server, pool() as client:
            await send(client, server.url())
            ended = await statuses(client, server.url(), 3)
            assert sorted(map(str, ended)) == sorted(map(str, [200, 200, Failure.STREAM_RESET]))
            assert (await send(client, server.url())).status == 200
        assert (len(server.connections), len(server.streams)) == (1, 5)

    run(body)


ENDS: list[Callable[[Connection], None]] = [Connection.drop, Connection.close]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("once", [False, True])
def test_a_connection_that_is_lost_in_flight(
    tmp_path: Path, end: Callable[[Connection], None], once: bool
) -> None:
    async def body() -> None:
        handler = Script(3, lambda streams: end(streams[0].connection))
        async with http2_peer(SERVERS.server(tmp_path, "h2"), handler) as server, pool() as client:
            await send(client, server.url())
            results = await asyncio.gather(
                *(send(client, server.url(), once=once) for _ in range(3)), return_exceptions=True
            )
            if once:
                errors = [one for one in results if isinstance(one, EgressError)]
                assert [(one.failure, one.maybe_processed) for one in errors] == [
                    (Failure.BROKEN_OFF, True)
                ] * 3
            else:
                assert [one.status for one in results if isinstance(one, EgressResponse)] == [200] * 3
            assert (await send(client, server.url())).status == 200
        assert [len(one.streams) for one in server.connections] == [4, 1 if once else 4]

    run(body)


@pytest.mark.parametrize("end", ENDS)
def test_a_connection_that_is_lost_before_its_first_response(
    tmp_path: Path, end: Callable[[Connection], None]
) -> None:
    async def body() -> None:
        handler: Handler = lambda stream: end(stream.connection)  # noqa: E731
        async with http2_peer(SERVERS.server(tmp_path, "h2"), handler) as server, pool() as client:
            assert await failure(client, server.url()) == (Failure.BROKEN_OFF, True)
        assert len(server.streams) == 1

    run(body)


@pytest.mark.parametrize("end", ENDS)
def test_a_connection_that_was_closed_while_idle(tmp_path: Path, end: Callable[[Connection], None]) -> None:
    async def body() -> None:
        async with http2_peer(SERVERS.server(tmp_path, "h2")) as server, pool() as client:
            await send(client, server.url())
            end(server.connections[0])
            assert await statuses(client, server.url(), 3) == [200] * 3
            server.connections[-1].go_away(server.connections[-1].streams[-1].id)
            assert await statuses(client, server.url(), 3) == [200] * 3
        assert len(server.connections) == 3

    run(body)


def test_idle_connections_that_their_peers_closed_do_not_stay_half_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress_pool, "CHECK_SECONDS", 0.05)
    context = SERVERS.server(tmp_path, "h2")

    async def body() -> None:
        async with AsyncExitStack() as stack, pool(idle=3600) as client:
            servers = [await stack.enter_async_context(http2_peer(context)) for _ in range(8)]
            for server in servers:
                await send(client, server.url())
            connections = [connection for server in servers for connection in server.connections]
            assert len(connections) == 8
            for number, connection in enumerate(connections):
                if number % 2:
                    connection.go_away(connection.streams[-1].id)
                connection.half_close()
            # The peers see the end of the client's side.
            await asyncio.gather(*(connection.closed.wait() for connection in connections))

    run(body)


def test_a_slow_stream_is_given_up_alone(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context, Script(1, lambda _: None)) as server, pool() as client:
            await send(client, server.url())
            outcome = await failure(client, server.url(), timeouts=Timeouts(read=0.2))
            assert outcome == (Failure.READ_TIMEOUT, True)
            assert (await send(client, server.url())).status == 200
        (connection,) = server.connections
        assert connection.resets == [connection.streams[1].id]

    run(body)


def test_a_body_is_capped(tmp_path: Path) -> None:
    async def body() -> None:
        handler: Handler = lambda stream: stream.respond(body=b"x" * 200_000)  # noqa: E731
        async with http2_peer(SERVERS.server(tmp_path, "h2"), handler) as server, pool() as client:
            response = await send(client, server.url(), max_body=1000)
            assert (response.status, response.body, response.truncated) == (200, b"x" * 1000, True)
            assert len((await send(client, server.url(), max_body=10**6)).body) == 200_000
        assert len(server.connections) == 1

    run(body)


def test_those_that_wait_share_the_failure_to_connect() -> None:
    async def body() -> None:
        with socket.socket() as shut:
            shut.bind(("127.0.0.1", 0))
            async with pool() as client:
                url = f"https://127.0.0.1:{shut.getsockname()[1]}/"
                assert await statuses(client, url, 20) == [Failure.CONNECT_REFUSED] * 20

    run(body)


def test_a_cancelled_leader_is_followed_by_another(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        handler: Handler = lambda stream: stream.respond() if len(server.streams) > 1 else None  # noqa: E731
        async with http2_peer(context, handler) as server, pool() as client:
            leader = asyncio.create_task(send(client, server.url()))
            await server.wait_for(1)
            others = [asyncio.create_task(send(client, server.url())) for _ in range(3)]
            leader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leader
            assert [one.status for one in await asyncio.gather(*others)] == [200] * 3

    run(body)


def test_an_idle_pool_closes_its_connections_and_opens_new_ones(tmp_path: Path) -> None:
    async def body() -> None:
        context = SERVERS.server(tmp_path, "h2")
        async with http2_peer(context) as server, pool(idle=0.1) as client:
            await send(client, server.url())
            await server.connections[0].closed.wait()
            assert (await send(client, server.url())).status == 200
        assert len(server.connections) == 2

    run(body)


def test_a_drained_pool_finishes_what_is_in_flight(tmp_path: Path) -> None:
    async def body() -> None:
        go = asyncio.Event()

        async def handler(stream: Stream) -> None:
            await go.wait()
            stream.respond()

        async with http2_peer(SERVERS.server(tmp_path, "h2"), handler) as server, pool() as client:
            request = asyncio.create_task(send(client, server.url()))
            await server.wait_for(1)
            drained = asyncio.create_task(client.drain())
            await asyncio.sleep(0)
            assert await failure(client, server.url()) == (Failure.POOL_CLOSED, False)
            go.set()
            assert (await request).status == 200
            await drained
            await server.connections[0].closed.wait()

    run(body)


def test_a_closed_pool_aborts_what_is_in_flight(tmp_path: Path) -> None:
    async def body() -> None:
        async with http2_peer(SERVERS.server(tmp_path, "h2"), lambda _: None) as server, pool() as client:
            request = asyncio.create_task(failure(client, server.url()))
            waiting = asyncio.create_task(failure(client, server.url()))
            await server.wait_for(1)
            await client.close()
            assert await request == (Failure.BROKEN_OFF, True)
            assert await waiting == (Failure.POOL_CLOSED, False)
            await server.connections[0].closed.wait()
            assert await failure(client, server.url()) == (Failure.POOL_CLOSED, False)

    run(body)
