"""Bodies that are streamed to storage and from it, on a mount of the test's own."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import msgspec
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api
from trunkline.api.http import ApiApplication
from trunkline.api.operation import Call, Empty, Mount, PrepareContext, Product, create, fetch
from trunkline.api.public import PublicPaths, PublicRequest, PublicResponse
from trunkline.api.response_content import ResponseContent
from trunkline.api.router import Router
from trunkline.api.views import Json, Urls
from trunkline.core.blobs.store import Blob, BlobMissing, BlobStore, delete_blob
from trunkline.core.storage.database import Tx

LARGE = 150 * 1024 * 1024
CHUNK = 64 * 1024
MEMORY = 24 * 1024 * 1024
PAIR = (ACCOUNT_SID, AUTH_TOKEN)


class Files:
    """Two operations: one stores its body as a blob, the other one returns it."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self.stored: dict[str, Blob] = {}

    async def prepare(self, context: PrepareContext, call: Call[Empty]) -> Blob:
        assert call.upload is not None
        assert call.headers["content-type"] == "application/octet-stream"
        return await context.blobs.write(call.upload, LARGE)

    async def create(self, tx: Tx, call: Call[Blob]) -> Blob:
        return call.input

    async def find(self, tx: Tx, call: Call[Blob]) -> Blob | None:
        return None

    async def fail(self, tx: Tx, call: Call[Blob]) -> Blob:
        raise ZeroDivisionError

    def view(self, blob: Blob, urls: Urls) -> Json:
        self.stored[blob.key] = blob
        return {"key": blob.key, "size": blob.size}

    async def fetch(self, tx: Tx, call: Call[Empty]) -> Blob | None:
        return self.stored.get(call.path["Key"])

    def content(self, blob: Blob, blobs: BlobStore) -> ResponseContent:
        def read(start: int, end: int) -> Any:
            return blobs.read(blob.key, start, end)

        return ResponseContent("text/plain", blob.size, read)

    def mount(self) -> Mount:
        return Mount(
            "files",
            "v1",
            (
                create("/Files", self.create, self.view, Empty, prepare=self.prepare, max_upload=LARGE),
                create("/Small", self.create, self.view, Empty, prepare=self.prepare, max_upload=10),
                create("/Missing", self.find, self.view, Empty, prepare=self.prepare, max_upload=LARGE),
                create("/Broken", self.fail, self.view, Empty, prepare=self.prepare, max_upload=LARGE),
                fetch("/Files/{Key}", self.fetch, None, content=self.content),
            ),
        )


class Client:
    """A node with the mount."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.files = Files(api.node.blobs)
        door = msgspec.structs.replace(
            api.node.application._door, router=Router([Product("files", (self.files.mount(),))])
        )
        self.application = ApiApplication(door)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.application, raise_app_exceptions=False),  # type: ignore[arg-type]
            base_url="http://127.0.0.1:8080/files/v1",
            auth=PAIR,
        )

    def post(self, content: bytes | AsyncIterator[bytes], path: str = "/Files") -> httpx.Response:
        headers = {"Content-Type": "application/octet-stream"}
        return self.api.run(self.http.post(path, content=content, headers=headers))

    def get(self, key: str, requested: str = "", method: str = "GET") -> httpx.Response:
        headers = {"Range": requested} if requested else {}
        return self.api.run(self.http.request(method, f"/Files/{key}", headers=headers))


@pytest.fixture
def client(api: Api) -> Client:
    return Client(api)


def test_what_was_streamed_in_is_streamed_out(client: Client) -> None:
    content = bytes(range(256)) * 3000
    made = client.post(content)
    assert made.status_code == 201
    assert made.json()["size"] == len(content)
    got = client.get(made.json()["key"])
    assert (got.status_code, got.content) == (200, content)
    assert (got.headers["content-type"], got.headers["content-length"]) == ("text/plain", str(len(content)))
    assert got.headers["twilio-request-id"].startswith("RQ")


def test_ranges_and_heads(client: Client) -> None:
    content = bytes(range(256)) * 2000
    key = client.post(content).json()["key"]
    part = client.get(key, "bytes=300000-300009")
    assert (part.status_code, part.content) == (206, content[300_000:300_010])
    assert part.headers["content-range"] == f"bytes 300000-300009/{len(content)}"
    assert client.get(key, "bytes=-5").content == content[-5:]
    outside = client.get(key, f"bytes={len(content)}-")
    assert (outside.status_code, outside.json()["code"]) == (416, 20001)
    head = client.get(key, "bytes=0-1", "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))


def test_an_empty_content(client: Client) -> None:
    got = client.get(client.post(b"").json()["key"])
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")


def test_a_body_over_the_bound_is_rejected_and_not_kept(client: Client) -> None:
    async def without_length() -> AsyncIterator[bytes]:
        yield b"x" * 6
        yield b"x" * 6

    for body in (b"x" * 11, without_length()):
        response = client.post(body, "/Small")
        assert (response.status_code, response.json()["code"]) == (413, 20413)
    count = client.api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs"))
    assert client.api.run(count) == 0


@pytest.mark.parametrize(("path", "status"), [("/Missing", 404), ("/Broken", 500)])
def test_a_content_whose_transaction_fails_is_not_kept(client: Client, path: str, status: int) -> None:
    assert client.post(b"x", path).status_code == status
    count = client.api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs"))
    assert client.api.run(count) == 0


def test_content_that_is_gone_is_an_error_and_no_empty_body(client: Client) -> None:
    key = client.post(b"x").json()["key"]
    client.api.run(client.api.node.database.write(lambda tx: delete_blob(tx, key)))
    client.api.run(client.api.node.blobs.stop())
    assert client.get(key).status_code == 500


def test_storage_that_fails_in_between_breaks_the_response_off(client: Client) -> None:
    content = bytes(600_000)
    key = client.post(content).json()["key"]
    read = client.files._blobs.read
    sent: list[MutableMapping[str, Any]] = []

    async def fail_later(key: str, start: int, end: int) -> AsyncIterator[bytes]:
        yield (await anext(read(key, start, end)))
        raise BlobMissing("gone")

    client.files._blobs.read = fail_later  # type: ignore[method-assign, assignment]

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        assert client.application._in_flight.count(ACCOUNT_SID) == 1

    with pytest.raises(BlobMissing):
        client.api.run(request(client.application, "GET", f"/files/v1/Files/{key}", None, send))
    assert [message.get("more_body") for message in sent] == [None, True]
    assert client.application._in_flight.count(ACCOUNT_SID) == 0
    observed = client.application._door.metrics.render().decode()
    assert 'operation="files.files.fetch",product="files",status="200"} 1.0' in observed


class BrokenPublic:
    """A public path whose content cannot be read beyond its first piece. It implements ``Public``."""

    def claims(self, raw_path: bytes) -> bool:
        return raw_path == b"/public"

    async def respond(self, request: PublicRequest) -> PublicResponse:
        return PublicResponse(200, {}, content=ResponseContent("text/plain", 10, self.read))

    async def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        yield b"first"
        raise BlobMissing("gone")


def test_storage_that_fails_in_between_breaks_a_public_response_off_too(client: Client) -> None:
    application = ApiApplication(
        msgspec.structs.replace(client.application._door, public=PublicPaths([("files", BrokenPublic())]))
    )
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    with pytest.raises(BlobMissing):
        client.api.run(request(application, "GET", "/public", None, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def request(
    application: ApiApplication,
    method: str,
    path: str,
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]] | None,
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Send a request as the server does, with nothing in memory that the application does not keep."""
    basic = next(httpx.BasicAuth(*PAIR).auth_flow(httpx.Request("GET", "http://x"))).headers["authorization"]
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"authorization", basic.encode()),
            (b"content-type", b"application/octet-stream"),
        ],
    }

    async def nothing() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    await application(scope, receive or nothing, send)


def test_150_megabytes_cost_no_memory(client: Client) -> None:
    chunk = hashlib.sha512(b"seed").digest() * (CHUNK // 64)
    left, got, responses = LARGE // CHUNK, 0, []
    largest = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": bytes(bytearray(chunk)), "more_body": left > 0}

    async def keep(message: MutableMapping[str, Any]) -> None:
        responses.append(message)

    async def count(message: MutableMapping[str, Any]) -> None:
        nonlocal got, largest
        body = message.get("body", b"")
        got, largest = got + len(body), max(largest, len(body))
        await asyncio.sleep(0)

    async def scenario() -> None:
        await request(client.application, "POST", "/files/v1/Files", receive, keep)
        assert responses[0]["status"] == 201
        key = msgspec.json.decode(responses[1]["body"])["key"]
        await request(client.application, "GET", f"/files/v1/Files/{key}", None, count)

    tracemalloc.start(1)
    try:
        client.api.run(scenario())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got == LARGE
    assert largest <= 256 * 1024
    assert peak < MEMORY
