"""The client against peers that answer, and against peers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from trunkline.core.egress import pool
from trunkline.core.egress.client import Egress
from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timeouts
from trunkline.core.leases import LeaseLost
from unit.core.egress.peers import OK, Reply, certificate, drip, hang, peer, read_request, stall
from unit.core.egress.sending import client, run


async def request(egress: Egress, url: str, **fields: Any) -> EgressResponse:
    return await egress.send(EgressRequest(fields.pop("method", "GET"), url, **fields))


async def failure(egress: Egress, url: str, **fields: Any) -> Failure:
    with pytest.raises(EgressError) as caught:
        await request(egress, url, **fields)
    return caught.value.failure


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_a_post_and_its_answer(runner: Callable[[Any], None]) -> None:
    async def body() -> None:
        async with peer() as server, client() as egress:
            response = await request(
                egress,
                server.url("/a/../b?c=%20"),
                method="POST",
                headers=(("X-One", "1"), ("Content-Type", "text/x"), ("X-Empty", "")),
                body=b"a=b",
            )
        head = server.requests[0].split(b"\r\n")
        assert head[0] == b"POST /a/../b?c=%20 HTTP/1.1"
        assert {b"X-One: 1", b"Content-Type: text/x", b"X-Empty:", b"Content-Length: 3"} <= set(head)
        assert not any(
            line.lower().startswith((b"expect", b"user-agent", b"accept-encoding")) for line in head
        )
        assert head[-1] == b"a=b"
        assert (response.status, response.body, response.truncated, response.address) == (
            200,
            b"ok",
            False,
            "127.0.0.1",
        )
        assert response.header("content-type") == "text/plain"
        assert 0 < response.timings.first_byte <= response.timings.total

    runner(body())


def test_credentials_of_the_url_become_basic_unless_there_is_a_header() -> None:
    async def body() -> None:
        async with peer() as server, client() as egress:
            url = server.url("/x#rc=1").replace("//", "//u:p@")
            await request(egress, url)
            await request(egress, url, headers=(("authorization", "Mine"),))
        assert b"Authorization: Basic dTpw\r\n" in server.requests[0]
        assert b"#" not in server.requests[0]
        assert b"Basic" not in server.requests[1]

    run(body)


def test_connections_are_used_again() -> None:
    async def body() -> None:
        async with peer() as server, client() as egress:
            for _ in range(5):
                await request(egress, server.url())
        assert (server.connections, len(server.requests)) == (1, 5)

    run(body)


def test_the_environment_sends_nobody_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with peer() as server, peer() as proxy, client() as egress:
            monkeypatch.setenv("http_proxy", proxy.url())
            monkeypatch.setenv("ALL_PROXY", proxy.url())
            await request(egress, server.url())
        assert (len(server.requests), len(proxy.requests)) == (1, 0)

    run(body)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"]
)
def test_the_guard_sees_the_address_behind_the_name(host: str) -> None:
    async def body() -> None:
        async with peer() as server, client(guard=AddressGuard()) as egress:
            assert await failure(egress, f"http://{host}:{server.port}/") is Failure.ADDRESS_REFUSED
        assert server.connections == 0

    run(body)


ODD_HOSTS = (
    *("127.0.1", "127.0.0.1.", "127.1.", "localhost.", "LOCALHOST", "0", "0.0.0.0", "0x0", "00"),
    *("0177.0.0.1", "0177.1", "017700000001", "0x7f.1", "0x7f.0.0.0x1", "0X7F000001", "0x7f000001."),
    *("127.0.0.01", "127.000.000.001", "127.0.0.0x1", "127.00000001", "0x000000007f000001", "127.65535"),
    *(
        "１２７.０.０.１",
        "127。0。0。1",
        "⑫7.0.0.1",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "ｌocalhost",
        "127.0.0.1\u00ad",
        "１２７.1",
    ),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::]"),
    *("[::1%25lo]", "[::1%lo]", "[fe80::1%25lo]", "[fe80::1%lo]", "[fe80::1%1]", "[ff02::1%25lo]"),
    *("[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]", "[2001::80ff:fffe]"),
    *("a@127.0.0.1", "1.1.1.1@127.0.0.1", "4294967297", "127.0.0.257", "127..1", "0x", "[::1", "[v1.x]"),
)
"""This machine and its network in every notation, and hosts that are none."""


def test_no_notation_of_an_address_passes_the_guard() -> None:
    async def body() -> None:
        async with peer() as server, client(guard=AddressGuard()) as egress:
            got = {host: await failure(egress, f"http://{host}:{server.port}/") for host in ODD_HOSTS}
        assert server.connections == 0
        refusals = {Failure.ADDRESS_REFUSED, Failure.ADDRESS_UNFIT, Failure.BAD_URL, Failure.BAD_HOST}
        assert {host: why for host, why in got.items() if why not in refusals} == {}
        assert all(got[host] is Failure.ADDRESS_REFUSED for host in ODD_HOSTS[:5])
        assert all(got[host] is Failure.ADDRESS_UNFIT for host in ODD_HOSTS[5:9])

    run(body)


def test_a_redirect_is_an_answer() -> None:
    async def body() -> None:
        async with (
            client() as egress,
            peer(b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n") as server,
        ):
            response = await request(egress, server.url())
        assert (response.status, response.header("location"), len(server.requests)) == (302, "/x", 1)

    run(body)


def test_an_answer_to_a_continue_that_nobody_asked_for() -> None:
    async def body() -> None:
        reply = b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-B: 1\r\n\r\n" + OK
        async with client() as egress, peer(reply) as server:
            response = await request(egress, server.url(), method="POST", body=b"x" * 2_000_000)
        assert (response.status, [name for name, _ in response.headers]) == (
            200,
            ["Content-Type", "Content-Length"],
        )

    run(body)


BOMB = gzip.compress(b"0" * 30_000_000)
BODIES = {
    "10 MB": b"HTTP/1.1 500 X\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000,
    "endless chunks": b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"100000\r\n"
    + b"x" * 0x100000
    + b"\r\n",
}


@pytest.mark.parametrize("reply", BODIES.values(), ids=BODIES)
def test_a_long_body_is_cut_off(reply: bytes) -> None:
    async def body() -> None:
        async with client() as egress, peer(reply) as server:
            response = await request(egress, server.url(), max_body=1000)
        assert (response.status, response.body, response.truncated) == (500, b"x" * 1000, True)

    run(body)


def test_a_bomb_is_not_unpacked() -> None:
    async def body() -> None:
        reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (
            len(BOMB),
            BOMB,
        )
        async with client() as egress, peer(reply) as server:
            assert (await request(egress, server.url())).body == BOMB

    run(body)


def test_a_body_that_fits_exactly_is_whole() -> None:
    async def body() -> None:
        async with client() as egress, peer() as server:
            response = await request(egress, server.url(), max_body=2)
        assert (response.body, response.truncated) == (b"ok", False)

    run(body)


async def _huge_head(_: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-A: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


BROKEN: list[tuple[str, Reply | bytes, Failure]] = [
    ("hangs", hang, Failure.READ_TIMEOUT),
    ("stops in the middle", stall, Failure.READ_TIMEOUT),
    ("has an endless head", _huge_head, Failure.PROTOCOL),
    ("has a long line", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", Failure.PROTOCOL),
    ("sends interim answers only", b"HTTP/1.1 100 C\r\n\r\n" * 10_000, Failure.PROTOCOL),
    ("speaks HTTP/0.9", b"<html>hello</html>", Failure.PROTOCOL),
    ("speaks another protocol", b"SSH-2.0-OpenSSH_9.0\r\n\r\n", Failure.PROTOCOL),
    ("has a bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Failure.BROKEN_OFF),
    ("closes at once", b"", Failure.BROKEN_OFF),
    ("closes in the body", OK[:-1], Failure.BROKEN_OFF),
]


@pytest.mark.parametrize(("reply", "expected"), [one[1:] for one in BROKEN], ids=[one[0] for one in BROKEN])
def test_a_peer_that(reply: Reply | bytes, expected: Failure) -> None:
    async def body() -> None:
        async with client() as egress, peer(reply, close=isinstance(reply, bytes)) as server:
            timeouts = Timeouts(read=0.2 if expected is Failure.READ_TIMEOUT else 15)
            assert await failure(egress, server.url(), timeouts=timeouts) is expected
            await server.gone.wait()
            async with peer() as good:
                assert (await request(egress, good.url())).status == 200

    run(body)


def test_silence_on_a_kept_connection_is_noticed_too() -> None:
    async def body() -> None:
        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(server.requests) == 1:
                writer.write(OK)
            else:
                await hang(reader, writer)

        async with client() as egress, peer(once) as server:
            assert (await request(egress, server.url())).status == 200
            assert await failure(egress, server.url(), timeouts=Timeouts(read=0.2)) is Failure.READ_TIMEOUT
        assert server.connections == 1

    run(body)


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize(("once", "seen"), [(False, 3), (True, 2)])
def test_what_is_sent_once_is_not_sent_again_when_a_kept_connection_is_lost(
    once: bool, seen: int, gone: bool
) -> None:
    received = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while await reader.readuntil(b"\r\n\r\n"):
            received += 1
            if received == 2:
                if gone:
                    server.close()
                break
            writer.write(OK)
        writer.close()

    async def body() -> None:
        nonlocal server
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with client() as egress:
            await request(egress, url, once=once)
            if once:
                assert await failure(egress, url, once=True) is Failure.BROKEN_OFF
            elif gone:
                assert await failure(egress, url) is Failure.CONNECT_REFUSED
            else:
                await request(egress, url)
        server.close()
        assert received == (2 if gone else seen)

    server: asyncio.Server
    run(body)


def test_a_peer_that_drips_is_cut_off_in_the_end() -> None:
    async def body() -> None:
        async with client() as egress, peer(drip) as server:
            timeouts = Timeouts(read=5, total=1)
            assert (
                await failure(egress, server.url(), timeouts=timeouts, max_body=10**9)
                is Failure.TOTAL_TIMEOUT
            )
            await server.gone.wait()

    run(body)


def test_a_refused_connection_and_one_that_is_never_accepted() -> None:
    async def body() -> None:
        with socket.socket() as shut, socket.socket() as full:
            for one in (shut, full):
                one.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            async with client() as egress:
                url = "http://127.0.0.1:{}/"
                assert await failure(egress, url.format(shut.getsockname()[1])) is Failure.CONNECT_REFUSED
                silent = await failure(
                    egress, url.format(full.getsockname()[1]), timeouts=Timeouts(connect=0.2)
                )
                assert silent is Failure.CONNECT_TIMEOUT
            for one in waiting:
                one.close()

    run(body)


def test_urls_and_hosts_that_are_none() -> None:
    async def body() -> None:
        async with client() as egress:
            assert await failure(egress, "ftp://127.0.0.1/") is Failure.BAD_URL
            assert await failure(egress, "http://name.invalid/") is Failure.BAD_HOST
            with pytest.raises(ValueError, match="line break"):
                await request(egress, "http://127.0.0.1/", headers=(("X", "a\r\nY: b"),))

    run(body)


CERTIFICATES = [
    (("127.0.0.1",), 1, True, None),
    (("127.0.0.1",), 1, False, Failure.TLS_UNTRUSTED),
    (("other.example",), 1, True, Failure.TLS_WRONG_NAME),
    (("127.0.0.1",), -1, True, Failure.TLS_EXPIRED),
]


@pytest.mark.parametrize(("names", "days", "trusted", "expected"), CERTIFICATES)
def test_certificates_are_checked(
    tmp_path: Path, names: tuple[str, ...], days: int, trusted: bool, expected: Failure | None
) -> None:
    context, trust = certificate(tmp_path, *names, days=days)

    async def body() -> None:
        async with peer(tls=context) as server, client(ca_file=str(trust) if trusted else "") as egress:
            if expected is None:
                assert (await request(egress, server.url(scheme="https"))).status == 200
            else:
                assert await failure(egress, server.url(scheme="https")) is expected
        async with peer(tls=context) as server, client(verify=False) as egress:
            assert (await request(egress, server.url(scheme="https"))).status == 200

    run(body)


def test_a_peer_without_tls_fails_the_handshake() -> None:
    async def body() -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with client() as egress:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            assert await failure(egress, url) is Failure.TLS_HANDSHAKE
        server.close()

    run(body)


def test_a_cancelled_request_ends_its_connection_and_leaves_the_client_usable() -> None:
    async def body() -> None:
        async with client() as egress, peer(hang) as server, peer() as good:
            task = asyncio.create_task(request(egress, server.url()))
            await server.received.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.gone.wait()
            assert (await request(egress, good.url())).status == 200

    run(body)


def test_hanging_peers_hold_up_no_other_and_leave_no_socket_open() -> None:
    async def body() -> None:
        async with client() as egress, peer(hang) as bad, peer() as good:
            await request(egress, good.url())
            before = len(os.listdir("/proc/self/fd"))
            hanging = [asyncio.create_task(request(egress, bad.url())) for _ in range(50)]
            responses = await asyncio.gather(*(request(egress, good.url()) for _ in range(50)))
            assert {response.status for response in responses} == {200}
            assert not any(task.done() for task in hanging)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            await bad.gone.wait()
        async with client() as egress, peer() as good:
            await request(egress, good.url())
            assert len(os.listdir("/proc/self/fd")) <= before + 5

    run(body)


def test_idle_connections_that_their_peers_closed_do_not_stay_half_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "CHECK_SECONDS", 0.05)
    count = 20

    async def body() -> None:
        arrived, over, ended = asyncio.Barrier(count), asyncio.Event(), asyncio.Barrier(count + 1)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            await arrived.wait()
            writer.write(OK)
            await over.wait()
            writer.write_eof()
            assert await reader.read() == b""
            await ended.wait()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, client() as egress:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            await asyncio.gather(*(request(egress, url) for _ in range(count)))
            over.set()
            await ended.wait()

    run(body)


def test_nothing_is_sent_for_a_lease_that_ended_while_it_connected() -> None:
    async def body() -> None:
        held = [True]
        async with peer() as server, client() as egress:
            assert (await request(egress, server.url("/1"), holds=lambda: held[0])).status == 200
            held[0] = False
            # Over a connection that is open, and over a new one.
            for url in (server.url("/2"), server.url("/3").replace("127.0.0.1", "localhost")):
                with pytest.raises(LeaseLost):
                    await request(egress, url, holds=lambda: held[0])
        assert [one.split(b" ")[1] for one in server.requests if one] == [b"/1"]

    run(body)
