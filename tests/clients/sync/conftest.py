"""A server without Sync's limits, a Service for each test, and the agents that run the Sync clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from clients.asking import Agent
from contract import require_node
from engines import PostgresEngine
from servers import Server

AGENT = Path(__file__).with_name("agent.cjs")
PACKAGES = {"4.0.1": "twilio-sync", "3.4.0": "twilio-sync-3"}
"""The versions of the client that the suite runs, and their packages' names in the Node project."""

FREE = ("--no-sync-limits", "--webhook-networks", "127.0.0.0/8")
"""Without Sync's limits; webhooks may go to the tests."""

Play = Callable[..., None]


@pytest.fixture(scope="session")
def sync_agents() -> Iterator[Callable[[str], Agent]]:
    """Yield the agent of a version of the client, started at its first use."""
    running: dict[str, Agent] = {}
    with ExitStack() as stack:

        def agent(version: str) -> Agent:
            if version not in running:
                command = ["node", str(AGENT), str(require_node()), PACKAGES[version]]
                running[version] = stack.enter_context(Agent(command))
            return running[version]

        yield agent


@pytest.fixture(scope="session")
def sqlite_sync(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server on SQLite without Sync's limits."""
    with Server(tmp_path_factory.mktemp("server"), *FREE) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_sync(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Server]:
    """Yield the same on PostgreSQL."""
    folder = tmp_path_factory.mktemp("server")
    engine = PostgresEngine(postgres_server)
    with Server(folder, *FREE, database_url=engine.url(folder)) as server:
        yield server
    engine.drop()


@pytest.fixture(scope="session")
def limited_sync(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that keeps Sync's limits."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def play(request: pytest.FixtureRequest, sync_agents: Callable[[str], Agent]) -> Play:
    """Play a scenario with a version of the client against a server, in a Service and with a key of its own."""

    def run(scenario: str, version: str = "4.0.1", server: str = "sqlite_sync", **options: object) -> None:
        running: Server = request.getfixturevalue(server)
        with httpx.Client(
            base_url=running.url, auth=(running.account_sid, running.auth_token), verify=False
        ) as http:
            service = http.post("/sync/v1/Services", data={"FriendlyName": "of a test"}).json()
            key = http.post(f"/2010-04-01/Accounts/{running.account_sid}/Keys.json", data={}).json()
        question = {
            "scenario": scenario,
            "url": running.url,
            "account_sid": running.account_sid,
            "auth_token": running.auth_token,
            "service_sid": service["sid"],
            "key_sid": key["sid"],
            "key_secret": key["secret"],
            **options,
        }
        response = sync_agents(version).request(question)
        assert response["passed"], response.get("why")

    return run
