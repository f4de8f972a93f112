"""Older versions of the vendor's Sync client, and the one of today, all at once, before and after a restart of the
server: the old ones read one event a notification, by another name."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import SyncGrant

from clients.asking import Agent
from clients.sync.conftest import FREE
from contract import require_node
from engines import opened
from servers import Server
from trunkline.app.products import migrations, products
from trunkline.core.storage.database import Tx
from trunkline.products.sync import items, services
from trunkline.products.sync.items import Change
from trunkline.products.sync.scope import Actor, Scope
from trunkline.settings import Settings

PROGRAM = Path(__file__).with_name("old_client.cjs")
PACKAGES = {
    "4.0.1": "twilio-sync",
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


MISSED = 520
"""Items that are pushed to each List while the clients are away; one replay brings 510 of them."""


def push_meanwhile(server: Server, service_sids: list[str]) -> None:
    """Push items to the List of each Service while its server does not run."""

    async def push(tx: Tx) -> None:
        for sid in service_sids:
            service = await services.by_sid(tx, sid)
            assert service is not None
            for number in range(MISSED):
                await items.push(tx, Scope(service, Actor()), "list", Change(data=f'{{"n":{number}}}'))

    async def whole() -> None:
        schema = migrations(products(Settings()))
        async with opened(f"sqlite:///{server.data_dir / 'trunkline.db'}", schema) as database:
            await database.write(push)

    asyncio.run(whole())


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
        with httpx.Client(
            base_url=server.url, auth=(server.account_sid, server.auth_token), verify=False
        ) as http:
            questions = {version: scenario_in(server, http) for version in agents}
        all_at_once(agents, questions)
        server.stop()
        push_meanwhile(server, [question["service_sid"] for question in questions.values()])
        server.start()
        back = {"url": server.url, "missed": MISSED}
        all_at_once(agents, {version: one | back for version, one in questions.items()})
