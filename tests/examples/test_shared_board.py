"""The example of a shared board, in a real browser, against a real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from chromium import browser
from clients.asking import Agent
from contract import require_node
from contract.node_project import PROJECT
from examples.relay import Relay
from examples.shared_board import FOLDER, Board, install
from servers import Server

DRIVER = Path(__file__).with_name("browser.cjs")
SCENARIOS = [
    "two write one text",
    "presence shows who is here",
    "who was away catches up",
    "a token that ends is replaced",
    "a name is asked for, and is only a name",
]
RESTART = "the server is started again"


@dataclass(frozen=True)
class Place:
    """An account of its own, so that scenarios do not see each other."""

    url: str
    account_sid: str
    auth_token: str

    def keys(self) -> list[str]:
        """Return the names of its keys."""
        path = f"/2010-04-01/Accounts/{self.account_sid}/Keys.json"
        response = httpx.get(self.url + path, auth=(self.account_sid, self.auth_token), verify=False)
        return [key["friendly_name"] for key in response.raise_for_status().json()["keys"]]

    def key(self) -> dict[str, str]:
        """Return a new key of it."""
        path = f"/2010-04-01/Accounts/{self.account_sid}/Keys.json"
        response = httpx.post(
            self.url + path, auth=(self.account_sid, self.auth_token), data={}, verify=False
        )
        return dict(response.raise_for_status().json())


@pytest.fixture(scope="session")
def trunkline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server as it comes, with Sync's limits."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


def _new_place(server: Server) -> Place:
    response = httpx.post(
        f"{server.url}/2010-04-01/Accounts.json",
        auth=(server.account_sid, server.auth_token),
        data={},
        verify=False,
    )
    made = response.raise_for_status().json()
    return Place(server.url, made["sid"], made["auth_token"])


@pytest.fixture
def place(trunkline: Server) -> Place:
    """Return a new subaccount."""
    return _new_place(trunkline)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example with its packages."""
    return install(tmp_path_factory.mktemp("example"), require_node())


@pytest.fixture
def board(example: Path, place: Place) -> Iterator[Board]:
    """Yield the example's server."""
    with Board(example, place.url, place.account_sid, place.auth_token) as running:
        yield running


def _scenario(scenario: str, board: Board, place: Place) -> dict[str, str]:
    key = place.key()
    return {
        "scenario": scenario,
        "url": board.address(),
        "server": place.url,
        "account_sid": place.account_sid,
        "key_sid": key["sid"],
        "key_secret": key["secret"],
    }


def test_in_the_browser(example: Path, trunkline: Server, tmp_path: Path) -> None:
    command = ["node", str(DRIVER), str(require_node()), browser()]
    with Server(tmp_path) as fragile, Relay(fragile) as relay, ExitStack() as stack:
        places = {RESTART: replace(_new_place(fragile), url=relay.url)}
        places |= {name: _new_place(trunkline) for name in SCENARIOS}
        boards = {
            name: stack.enter_context(Board(example, place.url, place.account_sid, place.auth_token))
            for name, place in places.items()
        }
        scenarios = [_scenario(name, boards[name], place) for name, place in places.items()]
        agent = stack.enter_context(Agent(command))
        response = agent.request({"scenarios": scenarios})
        while wanted := response.get("wants"):
            {"stop": fragile.stop, "start": fragile.start}[wanted]()
            response = agent.request({"done": wanted})
    assert response == dict.fromkeys(places, "passed"), "\n\n".join(
        f"{name}: {result}" for name, result in response.items() if result != "passed"
    )


def test_its_key_lives_as_long_as_it_does(board: Board, place: Place) -> None:
    board.address()
    assert place.keys() == ["shared board"]
    assert board.end() == 0
    assert place.keys() == []


@pytest.mark.parametrize("query", ["", "identity=", "identity=%20", "identity=" + 41 * "x"])
def test_nobody_gets_a_token_without_a_name(board: Board, query: str) -> None:
    assert httpx.get(f"{board.address()}token?{query}", verify=False).status_code == 400


@pytest.mark.parametrize(
    "path", ["package.json", "server.js", "..%2fserver.js", "public/index.html", "node_modules"]
)
def test_only_the_page_is_served(board: Board, path: str) -> None:
    assert httpx.get(board.address() + path, verify=False).status_code == 404


def test_without_a_server_it_says_so(example: Path, place: Place) -> None:
    board = Board(example, "http://127.0.0.1:9", place.account_sid, place.auth_token)
    with board, pytest.raises(AssertionError, match="ended with 1"):
        board.address()


def test_without_credentials_it_says_so(example: Path, place: Place) -> None:
    board = Board(example, place.url, place.account_sid, "")
    with board, pytest.raises(AssertionError, match="ended with 1"):
        board.address()


def test_texts_are_merged() -> None:
    require_node()
    command = ["node", str(Path(__file__).with_name("merge.mjs")), str(FOLDER / "public" / "merge.js")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_its_packages_are_the_tested_ones() -> None:
    wanted, tested = (
        json.loads((folder / "package.json").read_text())["dependencies"] for folder in (FOLDER, PROJECT)
    )
    assert wanted.items() <= tested.items()
