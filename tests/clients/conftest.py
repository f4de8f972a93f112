"""A server over real sockets, a fresh account for each test, and the SDKs as its clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from clients.asking import Account, Agent, Client, SdkOptions
from clients.sdks import SDKS, Agents, command
from engines import PostgresEngine
from servers import Server


@pytest.fixture(scope="session")
def agents() -> Iterator[Agents]:
    """Yield the agent of an SDK by its name, started at its first use."""
    running: dict[str, Agent] = {}
    with ExitStack() as stack:

        def agent(sdk: str) -> Agent:
            if sdk not in running:
                running[sdk] = stack.enter_context(Agent(command(sdk)))
            return running[sdk]

        yield agent


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server on SQLite that lets an account have more Notify Services than usual."""
    with Server(tmp_path_factory.mktemp("server"), "--max-notify-services", "200") as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Server]:
    """Yield the same on PostgreSQL."""
    folder = tmp_path_factory.mktemp("server")
    engine = PostgresEngine(postgres_server)
    database_url = engine.url(folder)
    with Server(folder, "--max-notify-services", "200", database_url=database_url) as server:
        yield server
    engine.drop()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """Return the server that all tests of this worker share; on SQLite unless a test's parameter names the
    engine.
    """
    found: Server = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_server")
    return found


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """Yield a plain HTTP client of the main account, for what is no SDK's business."""
    with httpx.Client(
        base_url=server.url, auth=(server.account_sid, server.auth_token), verify=False
    ) as client:
        yield client


@pytest.fixture
def account(http: httpx.Client) -> Account:
    """Return a new subaccount, which nothing else uses."""
    made = http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "of a test"}).json()
    return Account(made["sid"], made["auth_token"])


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest) -> str:
    """Return each SDK's name in turn."""
    return str(request.param)


@pytest.fixture
def client(sdk: str, agents: Agents, server: Server, account: Account) -> Client:
    """Return a client of the new account, pointed by base URLs; the asynchronous one by an HTTP client of its
    own.
    """
    return Client(sdk, agents(sdk), SdkOptions(server.url, account.sid, account.auth_token))
