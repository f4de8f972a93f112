"""Bad input as bytes on a socket: a documented code for each, never a 5xx, and nothing half-written."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error
from contract.checks import check_response
from trunkline.api.concurrency import FailedLogins
from trunkline.api.http import HttpLimits
from trunkline.core.anonymous_connections import AnonymousConnections
from wire import Reply, Server, serving

SERVICES = "/sync/v1/Services"
MIB = 1024 * 1024


def basic(token: str = AUTH_TOKEN) -> bytes:
    return b"Authorization: Basic " + base64.b64encode(f"{ACCOUNT_SID}:{token}".encode()) + b"\r\n"


HOST = b"Host: 127.0.0.1\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def get(target: bytes, head: bytes = HOST, method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + head + basic() + b"\r\n"


def post(body: bytes, head: bytes = FORM, target: bytes = SERVICES.encode()) -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST " + target + b" HTTP/1.1\r\n" + HOST + basic() + head + length + body


def play(api: Api, scenario: Callable[[Server], Awaitable[None]]) -> None:
    """Serve the node on a socket for the scenario; afterwards nothing may have been written."""

    async def main() -> None:
        async with serving(api.node.application) as server:
            await scenario(server)

    api.run(main())
    assert api.get(SERVICES).json()["services"] == []


def check(reply: Reply, status: int, code: int) -> None:
    """Check that the error is the documented one, in body and headers."""
    assert (reply.status, reply.json().get("code")) == (status, code), reply
    check_response("sync", "GET", "/v1/Services", reply.status, reply.fields, reply.body)


PATHS = [
    (SERVICES.encode() + b"/%", 404, 54050),
    (SERVICES.encode() + b"/a%b", 404, 54050),
    (SERVICES.encode() + b"/%zz", 404, 54050),
    (SERVICES.encode() + b"/..", 404, 54050),
    (SERVICES.encode() + b"/%2e%2e", 404, 54050),
    (SERVICES.encode() + b"/a%2Fb", 404, 54050),
    (SERVICES.encode() + b"/" + b"x" * 50_000, 404, 54050),
    (SERVICES.encode() + b"/%D0%BA%D0%BB", 404, 54050),
    (SERVICES.encode() + b"/MG" + b"0" * 32, 404, 54050),
    (b"/sync/v1/../v1/Services", 404, 20404),
    (b"/sync/v1/%2e%2e/v1/Services", 404, 20404),
    (b"/../../../../etc/passwd", 404, 20404),
    (b"/sync/..%2f..%2fetc/passwd", 404, 20404),
    (b"//sync/v1/Services", 404, 20404),
    (b"/" + b"a/" * 20_000, 404, 20404),
    (SERVICES.encode() + b"/%ff", 400, 20001),
    (SERVICES.encode() + b"/%C3%28", 400, 20001),
    (SERVICES.encode() + b"/%00", 400, 20001),
    (SERVICES.encode() + b"/a%00b", 400, 20001),
    (SERVICES.encode() + b"?PageSize=%", 400, 20001),
    (SERVICES.encode() + b"?PageSize=%zz", 400, 20001),
    (SERVICES.encode() + b"?PageSize=%ff", 400, 20001),
    (SERVICES.encode() + b"?PageSize=%00", 400, 54454),
    (SERVICES.encode() + b"?PageToken=%00", 400, 54453),
    (SERVICES.encode() + b"?" + b"&".join([b"A=1"] * 1001), 400, 20001),
]

HEADS = [
    (get(SERVICES.encode(), b""), 400, 20001),
    (get(SERVICES.encode(), HOST + b"Host: sync.twilio.com\r\n"), 400, 20001),
    (get(SERVICES.encode(), HOST * 2), 400, 20001),
    (get(SERVICES.encode(), b"Host: \r\n"), 400, 20001),
    (get(SERVICES.encode(), b"Host: a b\r\n"), 400, 20001),
    (get(SERVICES.encode(), b"Host: user@h\r\n"), 400, 20001),
    (get(SERVICES.encode(), b"Host: h/../x\r\n"), 400, 20001),
    (get(SERVICES.encode(), b"Host: \xff\r\n"), 400, 20001),
    (get(SERVICES.encode(), b"Host: h<script>\r\n"), 400, 20001),
    (get(SERVICES.encode(), HOST, b"PROPFIND"), 405, 20004),
    (get(SERVICES.encode(), HOST, b"PUT"), 405, 20004),
    (get(SERVICES.encode(), HOST, b"TRACE"), 405, 20004),
    (get(b"*", HOST), 400, 20001),
]

BODIES = [
    (post(b"FriendlyName=%"), 400, 20001),
    (post(b"FriendlyName=%zz"), 400, 20001),
    (post(b"FriendlyName=\xff"), 400, 20001),
    (post(b"FriendlyName=%ff"), 400, 20001),
    (post(b"FriendlyName=%ED%A0%80"), 400, 20001),
    (post(b"FriendlyName=a%00b"), 400, 20001),
    (post(b"FriendlyName=a\x00b"), 400, 20001),
    (post(b"\xff=1&FriendlyName=a"), 400, 20001),
    (post(b"FriendlyName=ok&AclEnabled=perhaps"), 400, 20001),
    (post(b"FriendlyName=ok&ReachabilityDebouncingWindow=" + b"9" * 10_000), 400, 20001),
    (post(b"FriendlyName=" + b"x" * 256), 400, 54053),
    (post(b"FriendlyName=" + b"x" * 1_000_000), 400, 54053),
    (post(b"&".join([b"FriendlyName=a"] * 1001)), 400, 20001),
    (post(b'{"FriendlyName":', b"Content-Type: application/json\r\n"), 400, 20001),
    (post(b"[" * 100_000, b"Content-Type: application/json\r\n"), 400, 20001),
    (post(b'{"FriendlyName":"\\ud800"}', b"Content-Type: application/json\r\n"), 400, 20001),
    (post(b'{"FriendlyName":"\\u0000"}', b"Content-Type: application/json\r\n"), 400, 20001),
    (post(b"--x\r\n", b"Content-Type: multipart/form-data; boundary=x\r\n"), 400, 20001),
    (post(b"<a/>", b"Content-Type: text/xml\r\n"), 400, 20001),
]


def test_every_bad_request_has_its_code_and_leaves_the_connection_usable(api: Api) -> None:
    async def scenario(server: Server) -> None:
        line = await server.connect()
        for request, status, code in [
            *((get(path), status, code) for path, status, code in PATHS),
            *HEADS,
            *BODIES,
        ]:
            await line.send(request)
            try:
                reply = await line.reply()
                check(reply, status, code)
            except Exception as error:
                raise AssertionError(f"after {request[:200]!r}") from error
            if reply.fields.get("connection") == "close":
                assert (request, status, code) in HEADS
                line = await server.connect()
        await line.send(get(SERVICES.encode()))
        assert (await line.reply()).status == 200

    play(api, scenario)


def test_unusual_requests_are_served(api: Api) -> None:
    requests = [
        get(b"http://127.0.0.1/sync/v1/Services"),
        get(b"/v1/Services", b"hOsT: SYNC.Twilio.COM:443\r\n"),
        get(SERVICES.encode() + b"?&&=&A"),
        get(SERVICES.encode() + b"?Unknown=%00"),
        get(SERVICES.encode() + b"#fragment"),
        get(SERVICES.encode(), HOST + b"Content-Length: 0\r\n" + FORM),
        get(SERVICES.encode(), HOST + b"Cookie: a\r\nCookie: b\r\n"),
    ]

    async def scenario(server: Server) -> None:
        line = await server.connect()
        for request in requests:
            await line.send(request)
            assert (await line.reply()).status == 200, request
        await line.send(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await line.reply()).status == 200
        await line.send(get(SERVICES.encode(), method=b"HEAD") + get(SERVICES.encode()))
        head, full = await line.reply(bodiless=True), await line.reply()
        assert head.fields["content-length"] == full.fields["content-length"] == str(len(full.body))
        old = await server.connect()
        await old.send(get(SERVICES.encode()).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await old.reply()).status == 200
        assert await old.closed()

    play(api, scenario)


def test_bytes_beyond_ascii_in_a_path_are_either_text_or_refused(api: Api) -> None:
    async def scenario(server: Server) -> None:
        for path, allowed in ((b"/\xd0\xba", {(404, 54050), (400, 20001)}), (b"/\xff", {(400, 20001)})):
            line = await server.connect()
            await line.send(get(SERVICES.encode() + path))
            reply = await line.reply()
            assert (reply.status, reply.json()["code"]) in allowed

    play(api, scenario)


def test_a_body_over_the_cap_is_refused_before_it_is_read(api: Api) -> None:
    async def scenario(server: Server) -> None:
        line = await server.connect()
        request = post(b"FriendlyName=" + b"x" * (2 * MIB + 1 - 13))
        await line.send(request[: -2 * MIB])
        check(await line.reply(), 413, 20413)
        assert await line.closed()

    play(api, scenario)


def test_a_body_over_the_cap_in_chunks_is_refused_where_it_crosses_it(api: Api) -> None:
    async def scenario(server: Server) -> None:
        line = await server.connect()
        head = (
            b"POST /sync/v1/Services HTTP/1.1\r\n"
            + HOST
            + basic()
            + FORM
            + b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        await line.send(head, *[chunk] * 32, b"1\r\nx\r\n")
        check(await line.reply(), 413, 20413)
        assert await line.closed()

    play(api, scenario)


def test_a_body_of_the_cap_itself_is_read(api: Api) -> None:
    async def scenario(server: Server) -> None:
        line = await server.connect()
        await line.send(post(b"FriendlyName=" + b"x" * (2 * MIB - 13)))
        check(await line.reply(), 400, 54053)

    play(api, scenario)


def test_a_stranger_is_refused_before_its_body_is_read(api: Api) -> None:
    async def scenario(server: Server) -> None:
        line = await server.connect()
        short, long = (post(b"x" * size).replace(basic(), basic("wrong")) for size in (1000, MIB))
        await line.send(short[:-1000])
        check(await line.reply(), 401, 20003)
        await line.send(short[-1000:], get(SERVICES.encode()))
        assert (await line.reply()).status == 200
        for head in (long[:-MIB], short[:-1000].replace(FORM, FORM + b"Expect: 100-continue\r\n")):
            waiting = await server.connect()
            await waiting.send(head)
            reply = await waiting.reply()
            check(reply, 401, 20003)
            assert reply.fields["connection"] == "close"
            assert await waiting.closed()

    play(api, scenario)


def test_a_connection_without_credentials_gives_way_and_one_with_them_stays(api: Api) -> None:
    async def main() -> None:
        anonymous = AnonymousConnections(2, 100)
        async with serving(api.node.application, anonymous=anonymous) as server:
            known = await server.connect()
            await known.send(get(SERVICES.encode()))
            assert (await known.reply()).status == 200
            stranger, silent = await server.connect(), await server.connect()
            await silent.send(b"GET / HT")
            await stranger.send(get(SERVICES.encode()).replace(basic(), basic("wrong")))
            assert (await stranger.reply()).status == 401
            health = await server.connect()
            await health.send(b"GET /_trunkline/health/live HTTP/1.1\r\n" + HOST + b"\r\n")
            assert (await health.reply()).status == 200
            assert len(anonymous) == 2
            assert await silent.closed()
            await known.send(get(SERVICES.encode()))
            assert (await known.reply()).status == 200
            await stranger.send(get(SERVICES.encode()))
            assert (await stranger.reply()).status == 200
            assert len(anonymous) == 1
            for line in (known, stranger, health):
                line.close()
            async with asyncio.timeout(10):
                while len(anonymous):
                    await asyncio.sleep(0)

    api.run(main())


LOGIN = b"/_trunkline/login"
STRANGERS = {
    "unfinished heads": b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"x" * 50_000,
    "bodies without credentials": post(b"x" * 8000, target=LOGIN).replace(basic(), b"")[:-100],
    "bodies behind a failed log-in": post(b"x" * 60_000).replace(basic(), basic("wrong"))[:-10_000],
    "requests behind a failed log-in": (get(SERVICES.encode()) + post(b"x" * 50_000)).replace(
        basic(), basic("wrong")
    ),
}
"""The requests that clients that never log in may send, and the server may hold."""


@pytest.mark.parametrize("sent", STRANGERS.values(), ids=STRANGERS)
def test_strangers_do_not_keep_the_memory_from_callers(
    api: Api, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(FailedLogins, "FREE", 0)
    monkeypatch.setattr(FailedLogins, "STEP_SECONDS", 60.0)
    monkeypatch.setattr(FailedLogins, "MAX_SECONDS", 60.0)
    monkeypatch.setattr(api.node.bodies, "_limit", 200_000)

    async def main() -> None:
        async with serving(api.node.application, memory=api.node.bodies) as server:
            for _ in range(6):
                for _ in range(400_000 // len(sent) // 6 + 1):
                    await (await server.connect()).send(sent[:100], sent[100:])
                caller = await server.connect()
                await caller.send(post(b"FriendlyName=" + b"x" * 50_000))
                reply = await caller.reply()
                assert (reply.status, reply.json()["code"]) == (400, 54053), reply
                caller.close()
            assert api.node.bodies.held <= 200_000

    api.run(main())


REFUSED = {
    SERVICES: 401,
    f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json": 401,
    "/chat/v2/Services": 401,
    "/sync/v1/Nothing": 404,
    "/nothing": 404,
    "/_trunkline/inbox/messages": 401,
    "/_trunkline/numbers": 401,
    "/_trunkline/opt-outs": 401,
    "/_trunkline/nothing": 404,
    "/_trunkline/carriers/nobody/receipts": 404,
    "/_trunkline/health": 405,
    "/_trunkline/login": 413,
    "/_trunkline/logout": 413,
    f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/MM{'0' * 32}/Media/ME{'0' * 32}": 405,
}
"""Paths that anybody may post to, and the status of a body of 5 MB to them without credentials."""


def test_no_door_reads_the_body_of_a_stranger(api: Api) -> None:
    async def scenario(server: Server) -> None:
        for coding in (b"Content-Length: 5000000\r\n", b"Transfer-Encoding: chunked\r\n"):
            got = {}
            for path in REFUSED:
                line = await server.connect()
                await line.send(b"POST %b HTTP/1.1\r\n%b%b%b\r\n" % (path.encode(), HOST, FORM, coding))
                if path.endswith(("/login", "/logout")) and coding.startswith(b"T"):
                    await line.send(b"2328\r\n" + b"x" * 0x2328 + b"\r\n")
                reply = await line.reply()
                assert reply.fields["connection"] == "close", path
                got[path] = reply.status
            assert got == REFUSED

    play(api, scenario)


def test_a_body_waits_until_it_is_permitted(api: Api) -> None:
    """Send an account's credentials, which do not suffice on a path of the operator."""

    async def scenario(server: Server) -> None:
        line = await server.connect()
        await line.send(post(b"x" * MIB, target=b"/_trunkline/numbers")[:-MIB])
        reply = await line.reply()
        assert (reply.status, reply.json()["code"]) == (403, 20403)

    play(api, scenario)


def test_a_slow_body_is_a_408_and_nothing_is_written(api: Api) -> None:
    application = api.node.application
    application._door = msgspec.structs.replace(application._door, limits=HttpLimits(body_seconds=0.05))

    async def scenario(server: Server) -> None:
        line = await server.connect()
        await line.send(post(b"FriendlyName=slow")[:-1])
        reply = await line.reply()
        check(reply, 408, 20408)
        assert reply.fields["connection"] == "close"
        assert await line.closed()

    play(api, scenario)


def test_a_client_that_hangs_up_in_its_body_has_written_nothing(api: Api) -> None:
    async def scenario(server: Server) -> None:
        for cut in (1, 5, len(b"FriendlyName=gone")):
            line = await server.connect()
            await line.send(post(b"FriendlyName=gone")[:-cut])
            line.close()
        line = await server.connect()
        await line.send(get(SERVICES.encode()))
        assert (await line.reply()).status == 200

    play(api, scenario)


def test_broken_chunks_write_nothing(api: Api) -> None:
    async def scenario(server: Server) -> None:
        head = (
            b"POST /sync/v1/Services HTTP/1.1\r\n"
            + HOST
            + basic()
            + FORM
            + b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for rest in (b"11\r\nFriendlyName=half\r\nzz\r\n", b"-1\r\n", b"5\r\nabcdefgh\r\n"):
            line = await server.connect()
            await line.send(head, rest)
            check(await line.reply(), 400, 20001)
            assert await line.closed()

    play(api, scenario)


@pytest.mark.parametrize(
    "path", [f"{SERVICES}/IS" + "9" * 32, "/2010-04-01/Accounts/AC" + "9" * 32 + ".json"]
)
def test_an_unknown_sid_is_a_404_to_every_method(api: Api, path: str) -> None:
    code = 54050 if "sync" in path else 20404
    assert_error(api.get(path), 404, code)
    assert_error(api.post(path, {"FriendlyName": "x"}), 404, code)
    if "sync" in path:
        assert_error(api.delete(path), 404, code)
