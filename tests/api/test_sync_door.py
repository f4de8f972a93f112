"""Sync's realtime door of a real server against clients that break its rules: each gets the documented error,
and none of them disturbs a client beside it.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from websockets.frames import Close, Frame, Opcode

from servers import Server
from unit.realtime.wire import ReceivedPacket, init, packet, parse, request

PATIENCE = 20.0
MEBIBYTE = 1 << 20
TINY = 20_000
UNREAD = 2_500
NOT_ACCEPTABLE = {"code": 406, "status": "NOT_ACCEPTABLE_MESSAGE"}
HEAD = (
    b"GET /v3/wsconnect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass(frozen=True)
class Place:
    """A server, and who may come in: a Service and a key of the account, and of another account."""

    server: Server
    service_sid: str
    key: dict[str, str]
    stranger: dict[str, str]
    """The other account's ``sid``, ``key``, ``secret`` and ``service``."""

    def token(
        self,
        header: dict[str, Any] | None = None,
        *,
        secret: str = "",
        algorithm: str = "HS256",
        **claims: Any,
    ) -> str:
        """Return a good access token but for what is given; a claim that is None is left out."""
        now = int(time.time())
        payload = {
            "jti": f"{self.key['sid']}-{now}",
            "iss": self.key["sid"],
            "sub": self.server.account_sid,
            "exp": now + 3600,
            "grants": {"identity": "alice", "data_sync": {"service_sid": self.service_sid}},
            **claims,
        }
        payload = {name: value for name, value in payload.items() if value is not None}
        signed_with = secret or self.key["secret"]
        return jwt.encode(
            payload,
            None if algorithm == "none" else signed_with,  # type: ignore[arg-type]
            algorithm=algorithm,
            headers={"cty": "twilio-fpa;v=1", **(header or {})},
        )

    def grants(self, **changes: Any) -> dict[str, Any]:
        """Return the grants of a good token but for what is given."""
        return {"identity": "alice", "data_sync": {"service_sid": self.service_sid}, **changes}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Yield a running server."""
    with Server(tmp_path_factory.mktemp("door"), "--no-sync-limits") as server:
        credentials = (server.account_sid, server.auth_token)
        with httpx.Client(base_url=server.url, auth=credentials, trust_env=False, verify=False) as http:

            def post(path: str, auth: tuple[str, str] = credentials, **form: str) -> dict[str, Any]:
                response = http.post(path, data=form, auth=auth)
                assert response.is_success, response.text
                return dict(response.json())

            other = post("/2010-04-01/Accounts.json")
            theirs = (other["sid"], other["auth_token"])
            their_key = post(f"/2010-04-01/Accounts/{other['sid']}/Keys.json", theirs)
            yield Place(
                server,
                post("/sync/v1/Services")["sid"],
                post(f"/2010-04-01/Accounts/{server.account_sid}/Keys.json"),
                {
                    "sid": other["sid"],
                    "key": their_key["sid"],
                    "secret": their_key["secret"],
                    "service": post("/sync/v1/Services", theirs)["sid"],
                },
            )


class RawSocket:
    """A WebSocket by raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send bytes as they are, each piece in a segment of its own."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def say(self, *packets: bytes) -> None:
        """Send packets, each in a message of its own, in one segment."""
        await self.send(b"".join(message(one) for one in packets))

    async def switched(self) -> None:
        """Check that the upgrade is accepted."""
        async with asyncio.timeout(PATIENCE):
            assert (await self._reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")

    async def frame(self) -> tuple[int, bytes]:
        """Return the server's next frame: opcode and payload."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self._reader.readexactly(2)
            if size == 126:
                [size] = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                [size] = struct.unpack("!Q", await self._reader.readexactly(8))
            return first & 0x0F, await self._reader.readexactly(size)

    async def receive(self) -> ReceivedPacket:
        """Return the server's next packet."""
        opcode, data = await self.frame()
        assert opcode == Opcode.BINARY, (opcode, data)
        return parse(data)

    async def closed_as(self) -> dict[str, Any]:
        """Return the status of the ``close`` packet that comes next; acknowledged, it ends the connection."""
        got = await self.receive()
        assert got.header["method"] == "close", got
        await self.say(packet("reply", got.header["id"], status={"code": 200, "status": "OK"}))
        assert await self.broken_off() == 1000
        return dict(got.header["status"])

    async def broken_off(self) -> int:
        """Return the code of the WebSocket's close frame that comes next; the reply ends the connection."""
        opcode, data = await self.frame()
        assert opcode == Opcode.CLOSE, (opcode, data)
        with suppress(ConnectionError):
            await self.send(message(data, Opcode.CLOSE))
            async with asyncio.timeout(PATIENCE):
                assert await self._reader.read() == b""
        return int(Close.parse(data).code)

    def hang_up(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()


def message(data: bytes, opcode: int = Opcode.BINARY, fin: bool = True) -> bytes:
    """Return a client's frame."""
    return Frame(Opcode(opcode), data, fin).serialize(mask=True)


@asynccontextmanager
async def dialled(place: Place) -> AsyncIterator[RawSocket]:
    """Yield a connection without traffic."""
    port = urlsplit(place.server.url).port
    line = RawSocket(*await asyncio.open_connection("127.0.0.1", port, limit=4 * MEBIBYTE))
    try:
        yield line
    finally:
        line.hang_up()


@asynccontextmanager
async def upgraded(place: Place) -> AsyncIterator[RawSocket]:
    """Yield a WebSocket, not logged in."""
    async with dialled(place) as line:
        await line.send(HEAD)
        await line.switched()
        yield line


@asynccontextmanager
async def logged_in(place: Place, identity: str = "alice") -> AsyncIterator[RawSocket]:
    """Yield a client that is logged in."""
    async with upgraded(place) as line:
        await line.say(init(place.token(grants=place.grants(identity=identity))))
        assert (await line.receive()).header["status"]["code"] == 200
        yield line


class Bystander:
    """A client that follows a Document and has it changed by REST: it receives every change, and responses."""

    def __init__(self, place: Place, line: RawSocket, http: httpx.AsyncClient) -> None:
        self._line, self._http = line, http
        self._path = f"/sync/v1/Services/{place.service_sid}/Documents"
        self._service = place.service_sid
        self._sid = ""
        self._changes = 0

    async def settle(self) -> None:
        """Make the Document and subscribe to it."""
        self._sid = await self.made("{}")
        subject = {"object_sid": self._sid, "object_type": "document", "last_event_id": None}
        body = {
            "event_protocol_version": 4,
            "action": "establish",
            "correlation_id": 1,
            "requests": [subject],
        }
        await self._line.say(request("POST", "/v4/Services/default/Subscriptions", "TMsub", body))
        while (await self._receive()).payload.get("event_type") != "subscription_established":
            pass

    async def made(self, data: str) -> str:
        """Return the SID of a new Document."""
        response = await self._http.post(self._path, data={"Data": data})
        return str(response.raise_for_status().json()["sid"])

    async def is_well(self) -> None:
        """Check that a change reaches it, and that a request of its own gets a response."""
        self._changes += 1
        changed = await self._http.post(
            f"{self._path}/{self._sid}", data={"Data": json.dumps({"n": self._changes})}
        )
        assert changed.status_code == 200, changed.text
        while (got := await self._receive()).payload.get("event_type") != "document_updated":
            pass
        assert got.payload["events"][0]["document_data"] == {"n": self._changes}
        await self._line.say(request("GET", f"/v3/Services/{self._service}/Documents/{self._sid}", "TMread"))
        while (got := await self._receive()).header["id"] != "TMread":
            pass
        assert got.payload["data"] == {"n": self._changes}

    async def _receive(self) -> ReceivedPacket:
        got = await self._line.receive()
        if got.header["method"] != "reply":
            await self._line.say(packet("reply", got.header["id"], status={"code": 200, "status": "OK"}))
        return got._replace(payload=got.payload if isinstance(got.payload, dict) else {})


def beside_a_bystander(place: Place, breaking: Callable[[Bystander], Awaitable[None]]) -> None:
    """Let a client break rules beside another, which must be well before, afterwards, and whenever it is asked."""

    async def run() -> None:
        async with (
            asyncio.timeout(3 * PATIENCE),
            httpx.AsyncClient(
                base_url=place.server.url,
                auth=(place.server.account_sid, place.server.auth_token),
                trust_env=False,
                timeout=PATIENCE,
                verify=False,
            ) as http,
            logged_in(place, "bystander") as line,
        ):
            bystander = Bystander(place, line, http)
            await bystander.settle()
            await bystander.is_well()
            await breaking(bystander)
            await bystander.is_well()

    asyncio.run(run())


SMALL = packet("update", "TM1", b"{}", token="t")
WRONG_LENGTHS = {
    "the header is a byte shorter than told": SMALL.replace(b"V3.0 ", b"V3.0 1", 1),
    "two packets in one message": SMALL + SMALL,
    "a packet and a line": SMALL + b"\r\n\r\n",
    "a payload that is longer than told": SMALL + b"!",
    "a payload that is shorter than told": SMALL[:-1],
    "no payload where one is told": SMALL[:-2],
    "a header that is no JSON": b"TWILSOCK V3.0 2\r\n{!\r\n",
    "a header that is a list": b"TWILSOCK V3.0 2\r\n[]\r\n",
    "a header nested deeply": b"TWILSOCK V3.0 30000\r\n" + b"[" * 30_000 + b"\r\n",
    "another version": SMALL.replace(b"V3.0", b"V4.0", 1),
    "a negative length": b"TWILSOCK V3.0 -2\r\n{}\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("sent", WRONG_LENGTHS.values(), ids=WRONG_LENGTHS)
def test_what_is_no_packet_is_not_acceptable(place: Place, sent: bytes) -> None:
    async def breaking(bystander: Bystander) -> None:
        for entering in (upgraded, logged_in):
            async with entering(place) as line:
                await line.say(sent)
                status = await line.closed_as()
                assert NOT_ACCEPTABLE.items() <= status.items()
                assert status["errorCode"] == 51214

    beside_a_bystander(place, breaking)


def test_every_truncation_of_a_packet_is_not_acceptable(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        for end in range(len(SMALL)):
            async with upgraded(place) as line:
                await line.say(SMALL[:end])
                assert (await line.closed_as())["errorCode"] == 51214, end

    beside_a_bystander(place, breaking)


def test_a_text_message_is_not_acceptable(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with logged_in(place) as line:
            await line.send(message(SMALL, Opcode.TEXT))
            assert (await line.closed_as())["errorCode"] == 51214

    beside_a_bystander(place, breaking)


def test_a_log_in_may_come_byte_by_byte(place: Place) -> None:
    login = init(place.token())

    async def breaking(bystander: Bystander) -> None:
        segments = [bytes([byte]) for byte in message(login)]
        fragments = [
            message(login[at : at + 2], Opcode.CONT if at else Opcode.BINARY, at + 2 >= len(login))
            for at in range(0, len(login), 2)
        ]
        for head, sent in (([bytes([byte]) for byte in HEAD], segments), ([HEAD], fragments)):
            async with dialled(place) as line:
                await line.send(*head)
                await line.switched()
                await line.send(*sent)
                assert (await line.receive()).header["status"]["code"] == 200

    beside_a_bystander(place, breaking)


def test_a_log_in_may_be_cut_in_two_anywhere(place: Place) -> None:
    sent = message(init(place.token()))

    async def breaking(bystander: Bystander) -> None:
        for at in range(1, len(sent), 7):
            async with upgraded(place) as line:
                await line.send(sent[:at], sent[at:])
                assert (await line.receive()).header["status"]["code"] == 200

    beside_a_bystander(place, breaking)


def test_messages_may_share_a_segment(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with upgraded(place) as line:
            paths = [f"/v3/Services/{place.service_sid}/Documents/{name}" for name in ("one", "two")]
            requests = [request("GET", path, f"TM{n}") for n, path in enumerate(paths, 1)]
            await line.say(init(place.token()), *requests)
            received = [await line.receive() for _ in range(3)]
            assert [got.header["id"] for got in received] == ["TM0", "TM1", "TM2"]
            assert [got.payload["code"] for got in received[1:]] == [54300, 54300]

    beside_a_bystander(place, breaking)


def test_a_page_has_what_the_requests_before_it_wrote(place: Place) -> None:
    # Pages are read on another thread than what is written and what is fetched.
    async def breaking(bystander: Bystander) -> None:
        async with logged_in(place) as line:
            lists = f"/v3/Services/{place.service_sid}/Lists"
            await line.say(request("POST", lists, "TM1", {}))
            items = f"{lists}/{(await line.receive()).payload['sid']}/Items"
            rounds = range(10)
            for number in rounds:
                await line.say(
                    request("POST", items, f"write{number}", {"data": {"number": number}}),
                    request("GET", items, f"page{number}"),
                    request("GET", f"{items}/{number}", f"fetch{number}"),
                )
            for number in rounds:
                written, page, fetched = [await line.receive() for _ in range(3)]
                ids = [got.header["id"] for got in (written, page, fetched)]
                assert ids == [f"write{number}", f"page{number}", f"fetch{number}"]
                assert [item["index"] for item in page.payload["items"]] == [*range(number + 1)]
                assert fetched.payload["data"] == {"number": number}

    beside_a_bystander(place, breaking)


@pytest.mark.parametrize("name", ["params", "headers"])
def test_too_many_values_end_nobodys_input(place: Place, name: str) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with upgraded(place) as line, upgraded(place) as other:
            path = f"/v3/Services/{place.service_sid}/Documents/one"
            for one in (line, other):
                await one.say(init(place.token()))
                assert (await one.receive()).header["status"]["code"] == 200
            question = request("GET", path, "TM1", http_request={name: {"a": [1] * 20_002}})
            for one in (line, other):
                await one.say(question)
            for one in (line, other):
                got = await one.receive()
                assert (got.header["http_status"]["code"], got.payload["code"]) == (400, 20001)

    beside_a_bystander(place, breaking)


TOO_BIG = {
    "a message that is too long": message(b"x" * (MEBIBYTE + 1)),
    "a length that nobody has": b"\x82\xff" + b"\x7f" * 8,
    "fragments without number": message(b"", fin=False) + message(b"", Opcode.CONT, False) * TINY,
    "fragments without end": message(b"x" * MEBIBYTE, Opcode.BINARY, False)
    + message(b"x", Opcode.CONT, False),
}


@pytest.mark.parametrize("sent", TOO_BIG.values(), ids=TOO_BIG)
def test_what_is_too_big_is_broken_off(place: Place, sent: bytes) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with logged_in(place) as line:
            await line.send(sent)
            assert await line.broken_off() == 1009

    beside_a_bystander(place, breaking)


def test_an_unknown_method_is_refused_and_nothing_else(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with logged_in(place) as line:
            await line.say(packet("dance", "TM1"), packet("put_notification_ctx", "TM2"))
            received = [await line.receive() for _ in range(2)]
            assert [(got.header["id"], got.header["status"]["code"]) for got in received] == [
                ("TM1", 400),
                ("TM2", 200),
            ]

    beside_a_bystander(place, breaking)


def test_a_request_before_the_log_in_is_a_protocol_error(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with upgraded(place) as line:
            await line.say(request("GET", "/v3/Services/default/Documents/one"))
            assert (await line.closed_as())["code"] == 417

    beside_a_bystander(place, breaking)


FLOODS = {
    "acknowledgements": message(packet("reply", "TM1", status={"code": 200, "status": "OK"})),
    "pings": message(b"", Opcode.PING),
    "pongs": message(b"", Opcode.PONG),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_tiny_frames_is_borne(place: Place, name: str) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with logged_in(place) as line:
            await line.send(FLOODS[name] * (TINY // 2))
            await bystander.is_well()
            await line.send(FLOODS[name] * (TINY // 2))
            await line.say(packet("dance", "TMlast"))
            while (got := await line.frame())[0] != Opcode.BINARY:
                assert got == (Opcode.PONG, b"")
            assert parse(got[1]).header["id"] == "TMlast"

    beside_a_bystander(place, breaking)


def test_a_flood_of_empty_messages_ends_the_first_time(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        async with logged_in(place) as line:
            await line.send(message(b"") * TINY)
            await bystander.is_well()
            assert (await line.closed_as())["errorCode"] == 51214

    beside_a_bystander(place, breaking)


def test_a_client_that_reads_late_has_all_its_answers(place: Place) -> None:
    """Send many times as much as is queued for a client, while others are served."""

    async def breaking(bystander: Bystander) -> None:
        sid = await bystander.made(json.dumps({"long": "x" * 16_000}))
        path = f"/v3/Services/{place.service_sid}/Documents/{sid}"
        requests = b"".join(message(request("GET", path, f"TM{number}")) for number in range(UNREAD))
        async with logged_in(place) as line:
            flooding = asyncio.create_task(line.send(requests))
            await bystander.is_well()
            for number in range(UNREAD):
                assert (await line.receive()).header["id"] == f"TM{number}"
            await flooding

    beside_a_bystander(place, breaking)


def broken_tokens(place: Place) -> dict[str, tuple[int, str]]:
    """Return the rules of a token, each broken once, with the code of its error (spec)."""
    now, stranger = int(time.time()), place.stranger
    good = place.token()
    head, _, signature = good.split(".")
    elsewhere = {"service_sid": "IS" + "0" * 32}
    theirs = place.grants(data_sync={"service_sid": stranger["service"]})
    return {
        "no token": (20101, ""),
        "no JWT": (20101, "token"),
        "two parts": (20101, good.rpartition(".")[0]),
        "a body that is no JSON": (20101, f"{head}.e30x.{signature}"),
        "another type": (20102, place.token({"cty": "twilio-fpa;v=2"})),
        "no algorithm": (20102, place.token(algorithm="none")),
        "another issuer": (20103, place.token(iss="SK" + "0" * 32)),
        "another subject": (20103, place.token(sub=stranger["sid"])),
        "another account's key": (20103, place.token(iss=stranger["key"], secret=stranger["secret"])),
        "another secret": (20107, place.token(secret=stranger["secret"])),
        "a signature of another token": (
            20107,
            f"{good.rpartition('.')[0]}.{place.token(nbf=1).rpartition('.')[2]}",
        ),
        "expired": (20104, place.token(exp=now - 1)),
        "without an end": (20104, place.token(exp=None)),
        "not yet valid": (20105, place.token(nbf=now + 3000)),
        "no identity": (20106, place.token(grants=place.grants(identity=""))),
        "an identity that is too long": (20106, place.token(grants=place.grants(identity="x" * 257))),
        "no grants": (20106, place.token(grants=None)),
        "no grant for Sync": (20106, place.token(grants={"identity": "alice", "chat": elsewhere})),
        "a Service that is not there": (51101, place.token(grants=place.grants(data_sync=elsewhere))),
        "another account's Service": (51101, place.token(grants=theirs)),
    }


def test_each_broken_rule_of_a_token_has_its_code(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        for name, (code, token) in broken_tokens(place).items():
            async with upgraded(place) as line:
                await line.say(init(token))
                rejection = await line.receive()
                assert rejection.header["method"] == "reply"
                status = rejection.header["status"]
                assert (status["code"], status["status"], status["errorCode"]) == (
                    401,
                    "UNAUTHORIZED",
                    code,
                ), name
                assert status["description"]
                assert await line.broken_off() == 1000

    beside_a_bystander(place, breaking)


def test_an_update_must_bring_a_token_of_the_same_client(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        tokens = {name: broken for name, broken in broken_tokens(place).items() if broken[0] != 20101}
        tokens["another identity"] = (51215, place.token(grants=place.grants(identity="mallory")))
        for name, (code, token) in tokens.items():
            async with logged_in(place) as line:
                await line.say(packet("update", "TM1", token=token))
                status = (await line.receive()).header["status"]
                assert (status["code"], status["errorCode"]) == (401, code), name
                assert await line.broken_off() == 1000

    beside_a_bystander(place, breaking)


def test_a_deleted_key_ends_its_connections(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        http = bystander._http
        keys = f"/2010-04-01/Accounts/{place.server.account_sid}/Keys"
        key = (await http.post(f"{keys}.json")).raise_for_status().json()
        async with upgraded(place) as line:
            await line.say(init(place.token(iss=key["sid"], secret=key["secret"])))
            assert (await line.receive()).header["status"]["code"] == 200
            assert (await http.delete(f"{keys}/{key['sid']}.json")).status_code == 204
            assert (await line.closed_as())["errorCode"] == 20103

    beside_a_bystander(place, breaking)


def test_codes_that_only_a_client_can_meet(place: Place) -> None:
    async def breaking(bystander: Bystander) -> None:
        services = "/sync/v1/Services"
        made = await bystander._http.post(services, data={"AclEnabled": "true"})
        service_sid = made.json()["sid"]
        document = await bystander._http.post(f"{services}/{service_sid}/Documents")
        guarded = f"/v3/Services/{service_sid}/Documents/{document.json()['sid']}"
        many = [{"object_sid": document.json()["sid"], "object_type": "document"}] * 101
        requests = {
            54006: request("POST", "/v4/Subscriptions", body={"action": "establish", "requests": many}),
            54007: request("GET", guarded),
            54056: request("GET", f"/v3/Services/{place.service_sid}/Documents/one"),
            54502: request("POST", f"/v3/Services/{service_sid}/Insights/Items/Items", body={}),
            54008: request("POST", "/v4/Services/default/Subscriptions", body=[]),
        }
        async with upgraded(place) as line:
            grants = place.grants(data_sync={"service_sid": service_sid})
            await line.say(init(place.token(grants=grants)))
            assert (await line.receive()).header["status"]["code"] == 200
            for code, question in requests.items():
                await line.say(question)
                got = await line.receive()
                assert got.payload["code"] == code, got
                assert got.header["http_status"]["code"] == got.payload["status"]
                assert code != 54502 or got.payload["status"] == 400

    beside_a_bystander(place, breaking)
