"""Input over a connection, byte by byte, and the responses to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from trunkline.api.request_bodies import BodyMemory
from trunkline.api.uvicorn_protocol import MAX_HEAD_BYTES
from wire import WAIT_SECONDS, Reply, Server, WireConnection, serving

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


class Echo:
    """An application that returns what it was sent. ``/early`` responds without the body; ``/wait`` waits for
    ``go`` before it responds, ``/hold`` before it reads.
    """

    def __init__(self) -> None:
        self.go, self.waiting = asyncio.Event(), asyncio.Event()
        self.seen: list[str] = []
        self.fields: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["raw_path"]
        self.fields = list(scope["headers"])
        if path == b"/hold":
            await self.go.wait()
        body, more = b"", path != b"/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen.append("gone")
                return
            body += message["body"]
            more = message["more_body"]
        if path == b"/wait":
            self.waiting.set()
            await self.go.wait()
        content = b"%s %s %d" % (scope["method"].encode(), path, len(body))
        self.seen.append(content.decode())
        headers = [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


Scenario = Callable[[Server, Echo], Awaitable[None]]


def play(scenario: Scenario, head_seconds: float = 30.0, memory: BodyMemory | None = None) -> None:
    """Run a scenario on the loop that the program uses."""

    async def main() -> None:
        echo = Echo()
        async with serving(echo, head_seconds=head_seconds, memory=memory) as server:
            await scenario(server, echo)
            echo.go.set()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def check_rejection(reply: Reply, status: int, code: int) -> None:
    assert (reply.status, reply.json()["code"], reply.json()["status"]) == (status, code, status)
    assert reply.fields["content-type"] == "application/json"
    assert reply.fields["connection"] == "close"
    assert reply.fields["twilio-request-id"].startswith("RQ")
    assert reply.fields["access-control-allow-origin"] == "*"


async def refused(line: WireConnection, status: int, code: int) -> None:
    """Check that the next response is an error, and the last."""
    check_rejection(await line.reply(), status, code)
    assert await line.closed()


GARBAGE = [
    b"\x00\x01\x02\x03\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"hello\r\n\r\n",
    b"FOO /a HTTP/1.1\r\nHost: h\r\n\r\n",
    b"get /a HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /a HTTP/9.9\r\nHost: h\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost h\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n",
    b"GET /a HTTP/1.1\r\n: v\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"CONNECT h:443 HTTP/1.1 x\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_not_http_is_refused_in_json(garbage: bytes) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(garbage)
        await refused(line, 400, 20001)
        assert not [seen for seen in echo.seen if seen != "gone"]

    play(scenario)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\nHost: h\r\nA: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 200_000 + b"\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"x" * 1_000_000,
        b"GET /a HTTP/1.1\r\nHost: h\r\nA: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * 1_000_000,
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;x=" + b"x" * 1_000_000,
    ],
    ids=["header", "path", "many headers", "unfinished", "just over", "trailer", "chunk extension"],
)
def test_a_head_without_measure_is_refused_and_the_answer_arrives(head: bytes) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        pieces = [head[at : at + 65536] for at in range(0, len(head), 65536)]
        sending = asyncio.create_task(line.send(*pieces))
        check_rejection(await line.reply(), 413, 20413)
        await sending

    play(scenario)


POST = b"POST /a HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
UNCLEAR = {
    # Message format, RFC 9112 section 2: line ends and what stands before the fields.
    "bare LF": (b"GET /a HTTP/1.1\nHost: h\n\n", 400),
    "bare LF after a field": (b"GET /a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400),
    "bare LF at the end": (b"GET /a HTTP/1.1\r\nHost: h\r\n\n", 400),
    "bare CR": (b"GET /a HTTP/1.1\r\nHost: h\r\nX: y\rz\r\n\r\n", 400),
    "space before the first field": (b"GET /a HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /a\r\n\r\n", 505),
    "HTTP/2.0": (b"GET /a HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    # Targets, section 3.
    "no Host": (b"GET /a HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
    "two Hosts, HTTP/1.0": (b"GET /a HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n", 400),
    "a Host that is none": (b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "CONNECT": (b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 400),
    # Fields, section 5.
    "a space before the colon": (b"GET /a HTTP/1.1\r\nHost : h\r\n\r\n", 400),
    "a folded line": (b"GET /a HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n", 400),
    # Framing, section 6.
    "gzip": (POST + b"Transfer-Encoding: gzip\r\n\r\nx", 501),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\nx", 501),
    "no coding": (POST + b"Transfer-Encoding:\r\n\r\nx", 501),
    "gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked, gzip": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 501),
    "chunked, chunked": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked with parameter": (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
    "chunked in quotes": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
    "xchunked": (POST + b"TRANSFER-ENCODING: xCHUNKED\r\n\r\n0\r\n\r\n", 501),
    "gzip, then chunked": (
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "chunked twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "a folded coding": (POST + b"Transfer-Encoding: gzip,\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "gzip, HTTP/1.0": (b"POST /a HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\nx", 501),
    "chunked, HTTP/1.0": (b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked and a length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a length and chunked": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a coding in the head of a GET": (
        b"GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: br\r\n\r\n",
        501,
    ),
    "the same length twice": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "lengths in a list": (POST + b"Content-Length: 5, 5\r\n\r\nabcde", 400),
    "+5": (POST + b"Content-Length: +5\r\n\r\nabcde", 400),
    "0x5": (POST + b"Content-Length: 0x5\r\n\r\nabcde", 400),
    "no length": (POST + b"Content-Length:\r\n\r\nabcde", 400),
    # Chunks, section 7.1.
    "bare LF after a size": (CHUNKED + b"1\nx\r\n0\r\n\r\n", 400),
    "bare LF after data": (CHUNKED + b"1\r\nx\n0\r\n\r\n", 400),
    "bare LF in an extension": (CHUNKED + b"1;a\nb\r\nx\r\n0\r\n\r\n", 400),
    "a space after a size": (CHUNKED + b"1 \r\nx\r\n0\r\n\r\n", 400),
    "-1": (CHUNKED + b"-1\r\nx\r\n0\r\n\r\n", 400),
    "0x1": (CHUNKED + b"0x1\r\nx\r\n0\r\n\r\n", 400),
    "a size beyond 64 bits": (CHUNKED + b"10000000000000001\r\nx\r\n0\r\n\r\n", 400),
    "more data than the size": (CHUNKED + b"1\r\nxy\r\n0\r\n\r\n", 400),
}


def test_a_head_that_two_readers_may_understand_differently_is_refused() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        statuses = {}
        for name, (sent, _) in UNCLEAR.items():
            line = await server.connect()
            await line.send(sent)
            reply = await line.reply()
            assert reply.json()["code"] == {400: 20001}.get(reply.status, 20000 + reply.status), name
            assert reply.fields["connection"] == "close", name
            statuses[name] = reply.status
            line.close()
        assert statuses == {name: status for name, (_, status) in UNCLEAR.items()}

    play(scenario)


def test_the_target_names_the_host_before_the_header_does() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"GET http://other:8?x=1 HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n")
        assert (await line.reply()).body == b"GET / 0"
        assert echo.fields == [(b"host", b"other:8"), (b"a", b"b")]

    play(scenario)


def test_trailers_are_no_header_fields() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(CHUNKED + b"1\r\nx\r\n0\r\nHost: other\r\nAuthorization: Basic eDp5\r\n\r\n")
        assert (await line.reply()).body == b"POST /a 1"
        assert echo.fields == [(b"host", b"h"), (b"transfer-encoding", b"chunked")]

    play(scenario)


def test_a_client_of_http_1_0_gets_no_interim_answer() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", b"x")
        assert (await line.reply()).body == b"POST /a 1"

    play(scenario)


OFFER = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize(
    "offer",
    [
        POST + OFFER + b"Content-Length: 3\r\n\r\nabc",
        POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        POST + OFFER.replace(b"h2c", b"websocket") + b"Content-Length: 3\r\n\r\nabc",
    ],
)
def test_the_body_behind_an_offer_to_upgrade_is_no_request(offer: bytes) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        for pieces in ([offer + GET], [offer[:-3], offer[-3:], GET]):
            line = await server.connect()
            await line.send(*pieces)
            assert [(await line.reply()).body for _ in range(2)] == [b"POST /a 3", b"GET /a 0"]

    play(scenario)


def test_a_head_of_64_kib_is_served() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"GET /a HTTP/1.1\r\nHost: h\r\nA: " + b"x" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n")
        assert (await line.reply()).status == 200

    play(scenario)


def test_a_large_body_does_not_count_as_head() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        body = b"x" * 300_000
        chunked = b"".join(b"%x\r\n%s\r\n" % (len(body) // 30, body[: len(body) // 30]) for _ in range(30))
        await line.send(
            b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + body + GET,
            b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked
            + b"0\r\nT: x\r\n\r\n",
        )
        assert [(await line.reply()).body for _ in range(3)] == [
            b"POST /a 300000",
            b"GET /a 0",
            b"POST /b 300000",
        ]

    play(scenario)


def test_one_byte_chunks_are_served() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        head = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        await line.send(head, *[b"1\r\nx\r\n" * 5000] * 6, b"0\r\n\r\n")
        assert (await line.reply()).body == b"POST /a 30000"

    play(scenario)


def test_a_slow_head_is_cut() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"GET /a HTTP/1.1\r\nHost: h\r\nA:")
        await server.run_out(in_head=True)
        await refused(line, 408, 20408)

    play(scenario)


def test_a_client_that_says_nothing_is_cut_in_silence() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        assert await line.closed()

    play(scenario, head_seconds=0.01)


def test_a_slow_head_after_a_request_is_cut_too() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(GET + GET[:10])
        assert (await line.reply()).status == 200
        await server.run_out(in_head=True)
        await refused(line, 408, 20408)

    play(scenario)


def test_neither_a_request_at_work_nor_an_idle_connection_is_timed() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(GET.replace(b"/a", b"/wait"))
        await echo.waiting.wait()
        assert server.clocks == 0
        echo.go.set()
        assert (await line.reply()).status == 200
        assert server.clocks == 0

    play(scenario)


def test_a_body_that_trickles_in_after_its_answer_is_cut() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nx")
        assert (await line.reply()).status == 200
        await server.run_out()
        assert await line.closed()

    play(scenario)


def test_a_body_that_comes_after_its_answer_is_passed_over() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
        assert (await line.reply()).body == b"POST /early 0"
        await line.send(*[b"x" * 5_000] * 12, GET)
        assert (await line.reply()).body == b"GET /a 0"

    play(scenario)


@pytest.mark.parametrize("announced", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"])
def test_a_long_body_that_nobody_wants_is_not_read_to_its_end(announced: bytes) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"POST /early HTTP/1.1\r\nHost: h\r\n" + announced + b"\r\n\r\n")
        reply = await line.reply()
        assert (reply.body, reply.fields["connection"]) == (b"POST /early 0", "close")
        assert await line.closed()
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with pytest.raises(ConnectionError):
            await line.send(*[piece] * 1500)
        assert echo.seen == ["POST /early 0"]

    play(scenario)


def test_a_chunked_body_that_is_read_keeps_the_connection() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        for _ in range(2):
            await line.send(CHUNKED, b"1\r\nx\r\n", b"0\r\n\r\n")
            reply = await line.reply()
            assert (reply.body, "connection" in reply.fields) == (b"POST /a 1", False)

    play(scenario)


def test_bodies_that_nobody_reads_are_bounded_together_and_forgotten() -> None:
    """Let the application wait, as it does for credentials, before it reads any body: the oldest gives way."""

    async def scenario(server: Server, echo: Echo) -> None:
        head = b"POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n"
        lines = []
        for number in range(5):
            lines.append(await server.connect())
            await lines[-1].send(head, b"x" * 40_000)
            if number < 4:
                await until(lambda: memory.held == 40_000 * len(lines))
        reply = await lines[0].reply()
        check_rejection(reply, 503, 20503)
        assert (reply.fields["retry-after"], memory.held) == ("1", 160_000)
        echo.go.set()
        for line in lines[1:]:
            await line.send(b"x" * 10_000)
            assert (await line.reply()).body == b"POST /hold 50000"
        assert memory.held == 0

    memory = BodyMemory(180_000)
    play(scenario, memory=memory)


def test_a_whole_request_that_nobody_reads_gives_way_too() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        head = b"POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n"
        first, second = await server.connect(), await server.connect()
        await first.send(head + b"x" * 40_000)
        await until(lambda: memory.held == 40_000)
        await second.send(head, b"x" * 40_000)
        assert await first.closed()
        echo.go.set()
        assert (await second.reply()).body == b"POST /hold 40000"
        assert memory.held == 0

    memory = BodyMemory(60_000)
    play(scenario, memory=memory)


@pytest.mark.parametrize("pieces", [1, 2])
def test_heads_that_do_not_end_are_bounded_together(pieces: int) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        lines = []
        for number in range(3):
            lines.append(await server.connect())
            size = 40_000 // pieces
            await lines[-1].send(GET[:-2] + b"A: " + b"x" * size, *[b"x" * size] * (pieces - 1))
            if number < 2:
                await until(lambda: memory.held > 40_000 * len(lines))
        check_rejection(await lines[0].reply(), 503, 20503)
        for line in lines[1:]:
            await line.send(b"\r\n\r\n")
            assert (await line.reply()).status == 200
        assert memory.held == 0

    memory = BodyMemory(100_000)
    play(scenario, memory=memory)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0)


def test_a_request_may_come_byte_by_byte() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        request = (
            b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + GET
        )
        await line.send(*(request[at : at + 1] for at in range(len(request))))
        assert [(await line.reply()).body for _ in range(2)] == [b"POST /a 3", b"GET /a 0"]

    play(scenario)


def test_pipelined_requests_are_answered_in_their_order() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"".join(GET.replace(b"/a", b"/%d" % number) for number in range(50)))
        assert [(await line.reply()).body for _ in range(50)] == [
            b"GET /%d 0" % number for number in range(50)
        ]

    play(scenario)


def test_garbage_behind_a_request_at_work_does_not_take_its_place() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(GET.replace(b"/a", b"/wait") + b"garbage\r\n\r\n")
        echo.go.set()
        assert (await line.reply()).body == b"GET /wait 0"
        assert await line.closed()

    play(scenario)


def test_garbage_behind_pipelined_requests_leaves_all_their_answers() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(GET.replace(b"/a", b"/wait") + GET + b"garbage\r\n\r\n")
        echo.go.set()
        assert [(await line.reply()).body for _ in range(2)] == [b"GET /wait 0", b"GET /a 0"]
        assert await line.closed()

    play(scenario)


def test_a_broken_body_behind_a_request_at_work_ends_the_connection_without_a_wrong_answer() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        broken = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        await line.send(GET.replace(b"/a", b"/wait") + broken)
        assert await line.closed()

    play(scenario)


def test_a_broken_body_is_refused_and_its_request_is_over() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(
            b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"zz\r\n"
        )
        await refused(line, 400, 20001)
        assert echo.seen == ["gone"]

    play(scenario)


def test_a_client_is_told_to_go_on_only_when_its_body_is_wanted() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await line.interim() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await line.send(b"ab")
        assert (await line.reply()).body == b"POST /a 2"

    play(scenario)


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
def test_an_offer_to_upgrade_is_passed_over_and_the_connection_stays(
    upgrade: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        offer = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n"
        await line.send(offer)
        assert (await line.reply()).body == b"GET /a 0"
        await line.send(GET)
        assert (await line.reply()).body == b"GET /a 0"

    play(scenario)
    assert not caplog.records


@pytest.mark.parametrize(
    ("request_line", "stays"),
    [(b"HTTP/1.0\r\n", False), (b"HTTP/1.1\r\nConnection: close\r\n", False), (b"HTTP/1.1\r\n", True)],
)
def test_the_connection_closes_when_the_client_means_it_to(request_line: bytes, stays: bool) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(b"GET /a " + request_line + b"Host: h\r\n\r\n")
        reply = await line.reply()
        assert (reply.status, reply.fields.get("connection") == "close") == (200, not stays)
        if not stays:
            assert await line.closed()
        else:
            await line.send(GET)
            assert (await line.reply()).status == 200

    play(scenario)


def test_a_client_that_goes_away_is_missed_by_nobody() -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        for sent in (
            b"",
            b"GET",
            GET[:-2],
            b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab",
            GET,
        ):
            line = await server.connect()
            await line.send(sent)
            line.close()
        line = await server.connect()
        await line.send(GET)
        assert (await line.reply()).status == 200

    play(scenario)


def test_a_stop_ends_bodies_that_arrive_before_a_log_in(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(POST + b"Content-Length: 5\r\n\r\nab")
        await until(lambda: bool(server._state.tasks))
        for connection in server._protocols():
            connection.shutdown()
        check_rejection(await line.reply(), 503, 20503)
        await until(lambda: not server._state.tasks)
        assert echo.seen == ["gone"]

    play(scenario)
    assert not caplog.records


def test_a_request_that_is_cancelled_ends_without_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server, echo: Echo) -> None:
        line = await server.connect()
        await line.send(GET.replace(b"/a", b"/wait"))
        await echo.waiting.wait()
        for task in tuple(server._state.tasks):
            task.cancel()
        assert await line.closed()

    play(scenario)
    assert not caplog.records
