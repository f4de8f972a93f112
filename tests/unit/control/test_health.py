"""Health and metrics of a node."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from trunkline.api.addressing import CONTROL, segments_of
from trunkline.api.auth import Directory
from trunkline.api.errors import ApiError
from trunkline.api.execution import OperationExecutor, Request
from trunkline.api.operation import Mount, PrepareContext, Product
from trunkline.api.principal import NOBODY, OPERATOR
from trunkline.api.router import Router
from trunkline.control import health
from trunkline.control.health import Health
from trunkline.core.clock import SECOND, Clock, system_clock
from trunkline.core.database_clock import DatabaseClock, RoundTrip
from trunkline.core.nats_bus import Bus
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import DamagedData, Database, NotWritable, StorageError, Unavailable
from trunkline.core.telemetry import Metrics


class Storage:
    """A database that answers, or not."""

    def __init__(self) -> None:
        self.error: StorageError | None = None
        self.queued = 7
        self.checks = 0
        self.responds = asyncio.Event()
        self.responds.set()
        self.clock: Clock = system_clock

    async def check(self) -> None:
        self.checks += 1
        await self.responds.wait()
        if self.error is not None:
            raise self.error


class FakeBus:
    """A bus that is connected, or not."""

    connected = True


class Node:
    """The parts of a node that health shows."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self.storage, self.bus = Storage(), FakeBus()
        self.storage.clock = clock
        database = cast(Database, self.storage)
        self.health = Health(database, cast(Bus, self.bus), Metrics())
        mount = Mount(CONTROL, "", self.health.operations(), private=True)
        self._router = Router([Product("control", (mount,))])
        context = PrepareContext(database, cast(Any, None), cast(Any, None))
        self._executor = OperationExecutor(context, cast(Directory, None), Vault(bytes(32)))

    def get(self, path: str, method: str = "GET") -> tuple[int, bytes, bytes] | None:
        """Return the status, media type and body; None for an unknown path."""
        return asyncio.run(self.respond(path, method))

    async def respond(self, path: str, method: str) -> tuple[int, bytes, bytes] | None:
        try:
            match = self._router.match(CONTROL, method, segments_of(path.encode()), path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        principal = OPERATOR if match.route.operation.schemes else NOBODY
        response = await self._executor.handle(Request(match, principal, "", path))
        if response.content is None:
            return response.status, b"application/json", response.body
        pieces = [piece async for piece in response.content.read(0, response.content.size)]
        return response.status, response.content.media_type.encode(), b"".join(pieces)


def body(response: tuple[int, bytes, bytes] | None) -> Any:
    assert response is not None
    assert response[1] == b"application/json"
    return msgspec.json.decode(response[2])


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_a_node_is_ready_when_all_is_well(path: str) -> None:
    response = Node().get(path)
    assert response is not None
    assert response[0] == 200
    assert body(response) == {
        "live": True,
        "ready": True,
        "checks": {"storage": "ok", "clock": "ok", "node": "ok"},
        "bus": "ok",
    }


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (3.2, "3.2 s ahead of the database"),
        (-90, "90.0 s behind the database"),
        (3600, "3600.0 s ahead of the database"),
        (1.9, "ok"),
        (-1.9, "ok"),
        (0, "ok"),
    ],
)
def test_a_node_whose_clock_is_off_is_not_ready_and_says_by_how_much(ahead: float, state: str) -> None:
    clock = DatabaseClock(lambda: int((50 + ahead) * SECOND), lambda: 0)

    async def read(steady: Clock) -> RoundTrip:
        return RoundTrip(steady(), 50 * SECOND, steady())

    asyncio.run(clock.measure(read))
    node = Node(clock)
    response = node.get("/health/ready")
    assert response is not None
    assert response[0] == (200 if state == "ok" else 503)
    assert body(response)["checks"] == {"storage": "ok", "clock": state, "node": "ok"}
    metrics = node.get("/metrics")
    assert metrics is not None
    assert f"trunkline_clock_ahead_seconds {float(ahead)}".encode() in metrics[2]


@pytest.mark.parametrize(
    ("part", "error", "state"),
    [
        ("storage", Unavailable("password=s3cret"), "unavailable"),
        ("storage", NotWritable("password=s3cret"), "not writable"),
        ("storage", DamagedData("password=s3cret"), "damaged"),
        ("storage", StorageError("password=s3cret"), "unavailable"),
        ("node", None, "stopping"),
    ],
)
def test_a_node_that_cannot_serve_is_not_ready_but_it_lives(
    part: str, error: StorageError | None, state: str
) -> None:
    node = Node()
    node.storage.error = error
    node.health.stopping = part == "node"
    response = node.get("/health/ready")
    assert response is not None
    assert response[0] == 503
    assert body(response)["ready"] is False
    assert body(response)["checks"][part] == state
    assert b"s3cret" not in response[2]
    live = node.get("/health/live")
    assert live is not None
    assert (live[0], body(live)) == (200, {"live": True})
    assert metrics(node)["trunkline_ready"] == "0.0"


def test_a_node_without_its_bus_serves_and_reports_the_bus_apart() -> None:
    node = Node()
    node.bus.connected = False
    response = node.get("/health/ready")
    assert response is not None
    assert response[0] == 200
    assert body(response)["ready"] is True
    assert body(response)["bus"] == "disconnected"
    assert metrics(node) | {"trunkline_ready": "1.0", "trunkline_bus_connected": "0.0"} == metrics(node)
    node.bus.connected = True
    assert metrics(node)["trunkline_bus_connected"] == "1.0"


def metrics(node: Node) -> dict[str, str]:
    """Return the values of the metrics without labels."""
    response = node.get("/metrics")
    assert response is not None
    lines = [line for line in response[2].decode().splitlines() if line[0] != "#" and "{" not in line]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_requests_that_come_together_share_one_check_and_one_that_is_given_up_ends_none() -> None:
    async def test() -> None:
        node = Node()
        node.storage.responds.clear()
        path = "/health/ready"
        requests = [asyncio.create_task(node.respond(path, "GET")) for _ in range(5)]
        while not node.storage.checks:
            await asyncio.sleep(0)
        requests[0].cancel()
        node.storage.responds.set()
        responses = await asyncio.gather(*requests, return_exceptions=True)
        assert isinstance(responses[0], asyncio.CancelledError)
        assert all(isinstance(response, tuple) and response[0] == 200 for response in responses[1:])
        assert node.storage.checks == 1
        await node.respond(path, "GET")
        assert node.storage.checks == 2

    asyncio.run(test())


def test_a_check_without_an_end_makes_the_node_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    node = Node()
    node.storage.responds.clear()
    response = node.get("/health/ready")
    assert response is not None
    assert (response[0], body(response)["checks"]["storage"]) == (503, "unavailable")


def test_metrics_are_shown_as_prometheus_reads_them() -> None:
    response = Node().get("/metrics")
    assert response is not None
    assert response[:2] == (200, b"text/plain; version=0.0.4; charset=utf-8")
    assert b"trunkline_storage_queue 7.0" in response[2]


@pytest.mark.parametrize("path", ["", "/", "/nope", "/health/x", "/metrics/x"])
def test_an_unknown_path_is_unknown(path: str) -> None:
    assert Node().get(path) is None


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_another_method_is_a_405(method: str) -> None:
    with pytest.raises(ApiError) as refused:
        Node().get("/health", method)
    assert (refused.value.code, refused.value.headers) == (20004, {"Allow": "GET, HEAD"})
