"""The API of a node without sockets, on each storage engine, every answer held against the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from contract import CheckedClient, NodeMissing, node_modules
from engines import Engine
from trunkline.app.node import Node
from trunkline.app.products import migrations, products
from trunkline.core.clock import SECOND, Clock, WatchedClock, system_clock
from trunkline.products.messaging.runtime import Messaging
from trunkline.settings import Settings

ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "f" * 32
OPERATOR = ("operator", "o" * 32)
"""The operator's credentials."""

T = TypeVar("T")
Fields = Mapping[str, Any] | Sequence[tuple[str, str]]


class TestClock:
    """Time that a test moves; starts at the real time. Without ``permits_due_work`` it is too far off for that."""

    __test__ = False
    permits_due_work = True

    def __init__(self) -> None:
        self.now = system_clock()

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)


class Api:
    """A node and a client of it. Calls block until they are answered."""

    def __init__(self, node: Node, runner: asyncio.Runner, clock: TestClock) -> None:
        self.node = node
        self.clock = clock
        self._runner = runner
        transport = httpx.ASGITransport(app=node.application, raise_app_exceptions=True)  # type: ignore[arg-type]
        self._http = httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8080", auth=(ACCOUNT_SID, AUTH_TOKEN)
        )
        self._client = CheckedClient(self._http)

    def component(self, kind: type[T]) -> T:
        """Return the component of this kind that runs on the node."""
        return next(one for one in self.node.components if isinstance(one, kind))

    @property
    def messaging(self) -> Messaging:
        """Messaging on the node."""
        return self.component(Messaging)

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine on the node's loop."""
        return self._runner.run(coroutine)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request with httpx's own options."""
        return self.run(self._client.request(method, path, **options))

    def get(self, path: str, query: Fields | None = None, **options: Any) -> httpx.Response:
        """Send a GET request with a query."""
        return self.request("GET", path, params=query, **options)

    def post(self, path: str, form: Fields | None = None, **options: Any) -> httpx.Response:
        """Send a POST request with a form; a list of pairs repeats names."""
        content = str(httpx.QueryParams(form or {}))  # type: ignore[arg-type]
        headers = {"Content-Type": "application/x-www-form-urlencoded", **options.pop("headers", {})}
        return self.request("POST", path, content=content, headers=headers, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        """Send a DELETE request."""
        return self.request("DELETE", path, **options)

    def together(self, *requests: tuple[str, str, Fields | None], **options: Any) -> list[httpx.Response]:
        """Send several requests (method, path, form) at once, with httpx's own options."""

        async def all_of_them() -> list[httpx.Response]:
            calls = [
                self._client.request(method, path, data=form, **options) for method, path, form in requests
            ]
            return list(await asyncio.gather(*calls))

        return self.run(all_of_them())

    def close(self) -> None:
        """Stop client and node."""
        self.run(self._http.aclose())
        self.run(self.node.stop())


@pytest.fixture(scope="session", autouse=True)
def vendor_documents() -> None:
    """Return the vendor's documents. They come with an npm package: skip without Node, but fail where ``CI``
    is set.
    """
    import os

    try:
        node_modules()
    except NodeMissing as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return the settings that a test module or a test needs different; override this fixture."""
    return {}


@pytest.fixture
def steady() -> Clock | None:
    """Return the clock that no jump moves, for a node that watches for jumps; override this fixture."""
    return None


@pytest.fixture
def api(
    engine: Engine, tmp_path: Path, settings_overrides: dict[str, Any], steady: Clock | None
) -> Iterator[Api]:
    """Yield a fresh node with one account on each storage engine in turn."""
    with running_api(engine, tmp_path, settings_overrides, steady) as made:
        yield made


@contextmanager
def running_api(
    engine: Engine, folder: Path, settings_overrides: dict[str, Any], steady: Clock | None = None
) -> Iterator[Api]:
    """Yield a fresh node with one account."""
    defaults: dict[str, Any] = {
        "data_dir": folder,
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "operator_token": OPERATOR[1],
        "proxy_port": -1,
        "log_requests": False,
        "sandbox_numbers": False,
    }
    settings = Settings.of(**{**defaults, **settings_overrides})
    url = engine.migrated_url(folder, migrations(products(settings)))
    settings = Settings.of(**{**defaults, "database_url": url, **settings_overrides})
    clock = TestClock()
    with asyncio.Runner() as runner:
        node = Node(settings, WatchedClock(clock, steady) if steady else clock)
        runner.run(node.start())
        made = Api(node, runner, clock)
        try:
            yield made
        finally:
            made.close()


def assert_error(response: httpx.Response, status: int, code: int) -> dict[str, Any]:
    """Check that a response fails with this status and code; return its body."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    return body
