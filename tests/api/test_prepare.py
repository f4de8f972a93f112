"""The step before the transaction, on a mount of the test's own: its place in a request, and what it may do."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from msgspec import UNSET

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api
from trunkline.api.errors import ApiError
from trunkline.api.http import ApiApplication
from trunkline.api.operation import (
    Call,
    Mount,
    OperationKind,
    Prepare,
    PrepareContext,
    Product,
    create,
    handled,
)
from trunkline.api.params import Given, text
from trunkline.api.router import Router
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.core.webhooks.webhook import Webhook
from trunkline.products.accounts import facade

PAIR = (ACCOUNT_SID, AUTH_TOKEN)


class Input(msgspec.Struct, frozen=True, kw_only=True):
    body: Annotated[Given[str], text(1, 10)] = UNSET


class Step:
    """The step of the mount's operation: records its calls, waits, changes the input or rejects."""

    def __init__(self) -> None:
        self.calls: list[Call[Input]] = []
        self.entered, self.leave = asyncio.Event(), asyncio.Event()
        self.leave.set()
        self.accounts = 0

    async def __call__(self, context: PrepareContext, call: Call[Input]) -> Input:
        self.calls.append(call)
        self.entered.set()
        self.accounts = await context.database.read(lambda tx: tx.value("SELECT count(*) FROM accounts"))
        await self.leave.wait()
        if call.input.body == "no":
            raise ApiError(20403, "Webhook cancelled processing of command")
        return msgspec.structs.replace(call.input, body=f"{call.input.body}!")


async def show(tx: Tx, call: Call[Input]) -> Call[Input]:
    assert tx.writable
    return call


async def show_tested(tx: Tx, call: Call[Input]) -> Call[Input]:
    return call


async def handle(call: Call[Input]) -> Call[Input]:
    return call


def view(call: Call[Input], urls: Urls) -> Json:
    return {"body": call.input.body, "account": call.account_sid}


class Caller:
    """A node with the mount."""

    def __init__(self, api: Api, step: Prepare | None = None) -> None:
        self.api, self.step = api, Step()
        paths = ("/Notes", "/Accounts/{AccountSid}/Notes")
        operations = tuple(
            create(path, show, view, Input, prepare=step or self.step, test_action=show_tested)
            for path in paths
        )
        path = "/Accounts/{AccountSid}/Handled"
        operations += (handled(OperationKind.CREATE, path, handle, view, input=Input, status=201),)
        mount = Mount("notes", "v1", operations)
        door = msgspec.structs.replace(
            api.node.application._door, router=Router([Product("notes", (mount,))])
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=ApiApplication(door)),  # type: ignore[arg-type]
            base_url="http://127.0.0.1:8080/notes/v1",
        )

    async def send(
        self, body: str, path: str = "/Notes", auth: tuple[str, str] | None = PAIR
    ) -> tuple[int, Any]:
        response = await self.http.post(path, data={"Body": body}, auth=auth)  # type: ignore[arg-type]
        document = response.json()
        return response.status_code, document.get("code", document)


@pytest.fixture
def caller(api: Api) -> Caller:
    return Caller(api)


def test_it_may_read_and_change_the_input(caller: Caller) -> None:
    assert caller.api.run(caller.send("hi")) == (201, {"body": "hi!", "account": ACCOUNT_SID})
    assert caller.step.accounts == 1


def test_it_may_reject(caller: Caller) -> None:
    assert caller.api.run(caller.send("no")) == (403, 20403)


def test_a_webhook_may_decide(api: Api) -> None:
    async def call_webhook(context: PrepareContext, call: Call[Input]) -> Input:
        # An address that is not allowed: no request leaves the machine, and the attempt is recorded.
        result = await context.delivery.deliver(
            Webhook(call.account_sid, "http://127.0.0.1:1/", event="note")
        )
        if result is None or not result.delivered:
            raise ApiError(20403)
        return call.input

    assert api.run(Caller(api, call_webhook).send("hi")) == (403, 20403)
    (attempt,) = api.get("/_trunkline/webhooks").json()["webhooks"]
    assert (attempt["event"], attempt["status"]) == ("note", "failed")


def test_it_runs_after_the_checks_of_credentials_and_parameters(caller: Caller) -> None:
    assert caller.api.run(caller.send("hi", auth=None)) == (401, 20003)
    assert caller.api.run(caller.send("x" * 11)) == (400, 20001)
    assert caller.api.run(caller.send("hi", "/Accounts/AC9/Notes")) == (404, 20404)
    assert caller.step.calls == []


def test_its_caller_is_the_account_that_is_acted_on(caller: Caller) -> None:
    sub = caller.api.post("/2010-04-01/Accounts.json").json()["sid"]
    status, body = caller.api.run(caller.send("hi", f"/Accounts/{sub}/Notes"))
    assert (status, body["account"]) == (201, sub)
    assert [call.account_sid for call in caller.step.calls] == [sub]


def test_a_handlers_caller_is_the_account_that_is_acted_on(caller: Caller) -> None:
    sub, other = (caller.api.post("/2010-04-01/Accounts.json").json() for _ in range(2))
    status, body = caller.api.run(caller.send("hi", f"/Accounts/{sub['sid']}/Handled"))
    assert (status, body["account"]) == (201, sub["sid"])
    for auth, sid in ((PAIR, "AC9"), ((other["sid"], other["auth_token"]), sub["sid"])):
        assert caller.api.run(caller.send("hi", f"/Accounts/{sid}/Handled", auth)) == (404, 20404)
    node = caller.api.node
    tested = caller.api.run(facade.test_credentials(node.database, node.vault, ACCOUNT_SID))
    path = f"/Accounts/{ACCOUNT_SID}/Handled"
    assert caller.api.run(caller.send("hi", path, tested)) == (403, 20008)


def test_test_credentials_do_without_it(caller: Caller) -> None:
    node = caller.api.node
    mine = caller.api.run(facade.test_credentials(node.database, node.vault, ACCOUNT_SID))
    assert caller.api.run(caller.send("no", auth=mine)) == (201, {"body": "no", "account": mine[0]})
    assert caller.step.calls == []


@pytest.mark.parametrize("settings_overrides", [{"max_concurrent_requests": 1}])
def test_it_counts_as_in_flight_and_holds_no_writer(caller: Caller) -> None:
    async def scenario() -> None:
        caller.step.leave.clear()
        first = asyncio.create_task(caller.send("hi"))
        await caller.step.entered.wait()

        async def lock_and_write(tx: Tx) -> int:
            await tx.lock(f"account {ACCOUNT_SID}")
            return await tx.run("UPDATE accounts SET friendly_name = 'x'")

        assert await caller.api.node.database.write(lock_and_write) == 1
        assert await caller.send("me") == (429, 20429)
        caller.step.leave.set()
        assert (await first)[0] == 201
        assert (await caller.send("me"))[0] == 201

    caller.api.run(asyncio.wait_for(scenario(), 30))


def test_an_account_that_is_closed_meanwhile_is_not_acted_on(caller: Caller) -> None:
    sub = caller.api.post("/2010-04-01/Accounts.json").json()["sid"]

    async def scenario() -> None:
        caller.step.leave.clear()
        first = asyncio.create_task(caller.send("hi", f"/Accounts/{sub}/Notes"))
        await caller.step.entered.wait()
        await caller.api.node.database.write(
            lambda tx: tx.run("UPDATE accounts SET status = 'closed' WHERE sid = :sid", sid=sub)
        )
        caller.step.leave.set()
        assert await first == (403, 20005)

    caller.api.run(asyncio.wait_for(scenario(), 30))
