"""The webhook log: who may see it, what it shows, and sending again."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine
from typing import Any, cast
from unittest.mock import AsyncMock

import msgspec
import pytest

from engines import opened
from trunkline.api.addressing import CONTROL, segments_of
from trunkline.api.auth import Authenticator
from trunkline.api.errors import ApiError
from trunkline.api.execution import OperationExecutor, Request
from trunkline.api.form_data import parse_form
from trunkline.api.operation import Mount, PrepareContext, Product
from trunkline.api.principal import Credential
from trunkline.api.router import Router
from trunkline.control import webhooks
from trunkline.core.egress.failure import Failure
from trunkline.core.jobs import schema as jobs
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.queue import JobState
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Tx
from trunkline.core.webhooks import attempts
from trunkline.core.webhooks.attempts import AttemptResult, attempt_of
from trunkline.core.webhooks.webhook import Webhook
from trunkline.products import accounts
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.store import insert_account, insert_key

MIGRATIONS = (*jobs.MIGRATIONS, *attempts.MIGRATIONS, *accounts.MIGRATIONS)
MINE, OTHER = "AC" + "1" * 32, "AC" + "2" * 32
TOKEN = "a" * 32


class Door:
    """The log with two accounts, and keys of the first; ``request`` returns status and body."""

    def __init__(self, database: Any, vault: Vault) -> None:
        self.database = database
        self.keys: dict[Credential, tuple[str, str]] = {}
        directory = AccountDirectory(vault)
        mount = Mount(CONTROL, "", webhooks.OPERATIONS, private=True)
        self._router = Router([Product("control", (mount,))])
        verifier: Any = None
        self._authenticator = Authenticator(database, directory, verifier)
        self._executor = OperationExecutor(
            PrepareContext(database, cast(Any, None), cast(Any, None)), directory, vault
        )

    async def request(
        self, method: str, path: str, user: str = MINE, password: str = TOKEN
    ) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        try:
            match = self._router.match(CONTROL, method, segments_of(path.encode()), path)
            principal = await self._authenticator.authenticate(
                match.route.operation.schemes, "", {b"authorization": authorization}.get, AsyncMock()
            )
            response = await self._executor.handle(
                Request(match, principal, "", path, parse_form(query.encode(), "query"))
            )
        except ApiError as error:
            if error.status == 404:
                return 404, None
            raise
        return response.status, json.loads(response.body)

    async def error_code(self, *arguments: str) -> int:
        with pytest.raises(ApiError) as caught:
            await self.request(*arguments)
        return caught.value.code

    async def note(self, number: int, account: str = MINE, **fields: Any) -> str:
        """Add an attempt that began at ``number``."""
        webhook = Webhook(
            account,
            f"http://u:secret@a.example/{number}#rc=1",
            parameters=(("n", str(number)),),
            token=f"token {number}",
            event="onMessageSent",
            service_sid=fields.pop("service_sid", "IS1"),
        )
        attempt = attempt_of(webhook, AttemptResult(1, number, f"http://a.example/{number}", **fields))
        await self.database.write(lambda tx: attempts.record(tx, attempt))
        return attempt.sid


def scenario(database_url: str, body: Callable[[Door], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        vault = Vault(b"k" * 32)
        async with opened(database_url, MIGRATIONS) as database:
            door = Door(database, vault)

            async def fill(tx: Tx) -> None:
                for sid in (MINE, OTHER):
                    await insert_account(tx, vault, "x", sid=sid, token=TOKEN)
                for kind in (Credential.MAIN_KEY, Credential.STANDARD_KEY):
                    key, secret = await insert_key(tx, vault, MINE, "k", kind=kind)
                    door.keys[kind] = key.sid, secret

            await database.write(fill)
            await body(door)

    asyncio.run(run())


def test_an_entry_and_its_details(database_url: str) -> None:
    async def body(door: Door) -> None:
        sid = await door.note(
            1_500_000, failure=Failure.CONNECT_REFUSED, error_code=11202, error_text="refused"
        )
        status, listed = await door.request("GET", "/webhooks")
        expected = {
            "sid": sid,
            "account_sid": MINE,
            "service_sid": "IS1",
            "event": "onMessageSent",
            "idempotency_token": "token 1500000",
            "status": "failed",
            "attempt": 1,
            "method": "POST",
            "url": "http://a.example/1500000",
            "response_status": None,
            "error_code": 11202,
            "error_message": "refused",
            "started_at": 1.5,
            "duration_ms": 0.0,
        }
        assert (status, listed) == (200, {"webhooks": [expected], "next_page_token": None})
        status, shown = await door.request("GET", f"/webhooks/{sid}")
        assert status == 200
        assert expected.items() <= shown.items()
        assert shown["parameters"] == [["n", "1500000"]]
        assert "secret" not in json.dumps([listed, shown])

    scenario(database_url, body)


def test_the_list_is_newest_first_and_pages_without_gaps(database_url: str) -> None:
    async def body(door: Door) -> None:
        sids = [await door.note(number // 2) for number in range(7)]
        found, token = [], ""
        for _ in range(4):
            _, listed = await door.request("GET", f"/webhooks?PageSize=2&PageToken={token}")
            found += listed["webhooks"]
            token = listed["next_page_token"] or ""
        assert token == ""
        assert sorted(entry["sid"] for entry in found) == sorted(sids)
        assert [entry["started_at"] for entry in found] == sorted(
            (entry["started_at"] for entry in found), reverse=True
        )
        assert await door.error_code("GET", "/webhooks?PageToken=nonsense") == 21481
        assert await door.error_code("GET", "/webhooks?PageSize=0") == 20001

    scenario(database_url, body)


def test_filters(database_url: str) -> None:
    async def body(door: Door) -> None:
        good = await door.note(1)
        bad = await door.note(2, error_code=11200, service_sid="IS2")

        async def sids(query: str) -> list[str]:
            _, listed = await door.request("GET", f"/webhooks?{query}")
            return [entry["sid"] for entry in listed["webhooks"]]

        assert await sids("Status=delivered") == await sids("ServiceSid=IS1") == [good]
        assert await sids("Status=failed") == await sids("ServiceSid=IS2") == [bad]
        assert await sids("Status=failed&ServiceSid=IS1") == []
        assert await door.error_code("GET", "/webhooks?Status=maybe") == 20001

    scenario(database_url, body)


def test_who_may_see_what(database_url: str) -> None:
    async def body(door: Door) -> None:
        sid = await door.note(1)
        assert (await door.request("GET", "/webhooks", *door.keys[Credential.MAIN_KEY]))[1]["webhooks"]
        assert await door.error_code("GET", "/webhooks", *door.keys[Credential.STANDARD_KEY]) == 20003
        assert await door.error_code("GET", f"/webhooks/{sid}", MINE, "wrong" * 6) == 20003
        assert (await door.request("GET", "/webhooks", OTHER))[1]["webhooks"] == []
        for method, path in (("GET", f"/webhooks/{sid}"), ("POST", f"/webhooks/{sid}/resend")):
            assert await door.request(method, path, OTHER) == (404, None)
        assert await door.database.read(lambda tx: list_jobs(tx, JobState.READY, 10)) == []

    scenario(database_url, body)


def test_an_entry_is_sent_again_as_the_same_event(database_url: str) -> None:
    async def body(door: Door) -> None:
        sid = await door.note(7)
        status, again = await door.request("POST", f"/webhooks/{sid}/resend")
        assert (status, again["idempotency_token"], again.keys()) == (
            202,
            "token 7",
            {"sid", "idempotency_token"},
        )
        (job,) = await door.database.read(lambda tx: list_jobs(tx, JobState.READY, 10))
        webhook = msgspec.json.decode(job.payload, type=Webhook)
        assert (webhook.account_sid, webhook.token) == (MINE, "token 7")
        assert (webhook.attempt_sid, again["sid"] == sid) == (again["sid"], False)
        assert webhook.url == "http://u:secret@a.example/7#rc=1"
        assert job.lane == "http://a.example:80"

    scenario(database_url, body)


def test_other_paths_and_methods(database_url: str) -> None:
    async def body(door: Door) -> None:
        for path in ("/webhook", "/other", "/webhooks/WA1", "/webhooks/WA1/other", "/webhooks/WA1/resend/x"):
            assert await door.request("GET", path) == (404, None)
        assert await door.request("POST", "/webhooks/WA1/resend") == (404, None)
        assert await door.error_code("POST", "/webhooks") == 20004
        assert await door.error_code("GET", "/webhooks/WA1/resend") == 20004

    scenario(database_url, body)
