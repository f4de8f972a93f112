"""Older versions of the vendor's Sync client, all at once: they read one event a notification, by another name."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import SyncGrant

from clients.asking import Agent
from clients.sync.conftest import FREE
from contract import require_node
from servers import Server

PROGRAM = Path(__file__).with_name("old_client.cjs")
PACKAGES = {
    "3.0.1": "twilio-sync-3-0-1",
    "2.0.1": "twilio-sync-2",
    "1.0.0": "twilio-sync-1",
    "0.12.4": "twilio-sync-0",
}
"""The versions, and their packages' names in the Node project."""


def scenario_in(server: Server, http: httpx.Client) -> dict[str, Any]:
    """Return a new Service, tokens for it, and where the server is."""
    service = http.post("/sync/v1/Services", data={"FriendlyName": "of a test"}).json()
    key = http.post(f"/2010-04-01/Accounts/{server.account_sid}/Keys.json", data={}).json()

    def token(identity: str, seconds: int = 3600) -> str:
        made = AccessToken(server.account_sid, key["sid"], key["secret"], identity=identity, ttl=seconds)
        made.add_grant(SyncGrant(service_sid=service["sid"]))
        return str(made.to_jwt())

    return {
        "account_sid": server.account_sid,
        "auth_token": server.auth_token,
        "service_sid": service["sid"],
        "tokens": {"alice": token("alice"), "bob": token("bob"), "renewed": token("alice", 1800)},
        "url": server.url,
    }


def all_at_once(agents: dict[str, Agent], questions: dict[str, dict[str, Any]]) -> None:
    """Let all programs do their part at once. Raise AssertionError with what went wrong."""
    for version, agent in agents.items():
        agent.begin(questions[version])
    responses = {version: agent.response() for version, agent in agents.items()}
    failed = {version: one["why"] for version, one in responses.items() if not one["passed"]}
    assert not failed, "\n".join(f"{version}: {why}" for version, why in failed.items())


def test_older_clients(tmp_path: Path) -> None:
    modules = require_node()
    with ExitStack() as stack:
        server = stack.enter_context(Server(tmp_path, *FREE))
        agents = {
            version: stack.enter_context(Agent(["node", str(PROGRAM), str(modules), package]))
            for version, package in PACKAGES.items()
        }
        with httpx.Client(base_url=server.url, auth=(server.account_sid, server.auth_token)) as http:
            questions = {version: scenario_in(server, http) for version in agents}
        all_at_once(agents, questions)
        server.stop()
        server.start()
        all_at_once(agents, {version: one | {"url": server.url} for version, one in questions.items()})
