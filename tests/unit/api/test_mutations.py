"""Mutation ids on an operation of the tests' own: each is executed once, on both engines and over nodes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from engines import Engine, opened
from trunkline.api.errors import ApiError
from trunkline.api.execution import OperationExecutor, Request, Response
from trunkline.api.mutation_ids import MutationTarget
from trunkline.api.operation import (
    Call,
    Empty,
    Mount,
    Operation,
    OperationKind,
    Prepare,
    PrepareContext,
    Product,
    create,
    handled,
    update,
)
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Router
from trunkline.api.views import Json, Urls
from trunkline.core.mutation_claims import LEASE, LIFETIME, MIGRATIONS, RETENTION
from trunkline.core.retention_sweeper import RetentionSweeper
from trunkline.core.secrets import Vault
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Database, OutcomeUnknown, Row, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import Retention

TABLE = Migration("notes", 1, ("CREATE TABLE notes (sid TEXT PRIMARY KEY, edits BIGINT NOT NULL)",))
ACCOUNT = "AC" + "1" * 32
BASE = "https://notes.example"
PATH = "/Notes/{Sid}"


class Note(Row, frozen=True):
    sid: str
    edits: int


async def make(tx: Tx, call: Call[Empty]) -> Note:
    note = Note(call.reserved_sid or new_sid("NO"), 0)
    await tx.insert("notes", note)
    return note


async def edit(tx: Tx, call: Call[Empty]) -> Note | None:
    await tx.run("UPDATE notes SET edits = edits + 1 WHERE sid = :sid", sid=call.path["Sid"])
    return await tx.one(Note, "SELECT sid, edits FROM notes WHERE sid = :sid", sid=call.path["Sid"])


def view(note: Note, urls: Urls) -> Json:
    return {"sid": note.sid, "edits": note.edits}


class Now:
    def __init__(self) -> None:
        self.now = 1_000_000_000_000_000

    def __call__(self) -> int:
        return self.now


def in_database(database: Database) -> PrepareContext:
    """Return a context for steps that use the database alone."""
    return PrepareContext(database, cast(Any, None), cast(Any, None))


class Nodes:
    """One or more nodes on one database, and requests to them."""

    def __init__(self, databases: list[Database], prepare: Prepare | None) -> None:
        operations: tuple[Operation, ...] = (
            create("/Notes", make, view, Empty, mutation=MutationTarget(PATH, "Sid", "NO"), prepare=prepare),
            update(PATH, edit, view, Empty, mutation=MutationTarget(PATH, "Sid"), prepare=prepare),
            create("/Plain", make, view, Empty),
        )
        self.databases = databases
        self.router = Router([Product("notes", (Mount("notes", "v1", operations),))])
        self.executors = [
            OperationExecutor(in_database(one), cast(Any, None), Vault(b"k" * 32)) for one in databases
        ]

    async def __call__(
        self, id: str | None = "a", path: str = "Notes", identity: str = "alice", node: int = 0
    ) -> Response:
        principal = Principal(
            ACCOUNT, ACCOUNT, Credential.TOKEN, identity=identity, service_sid="IS" + "2" * 32
        )
        segments = ("v1", *path.split("/"))
        match = self.router.match("notes", "POST", segments, "/" + "/".join(segments))
        headers = {} if id is None else {"x-twilio-mutation-id": id}
        request = Request(match, principal, BASE, f"/v1/{path}", headers=headers)
        return await self.executors[node % len(self.executors)].handle(request)

    async def notes(self) -> list[Note]:
        return await self.databases[0].read(lambda tx: tx.all(Note, "SELECT sid, edits FROM notes"))

    async def claims(self) -> int:
        count: int = await self.databases[0].read(lambda tx: tx.value("SELECT count(*) FROM mutations"))
        return count


Scenario = Callable[[Nodes], Awaitable[None]]


@pytest.fixture
def clock() -> Now:
    return Now()


@pytest.fixture
def run(engine: Engine, tmp_path: Any, clock: Now) -> Callable[..., None]:
    """Run a scenario on one node, on PostgreSQL on two."""
    url = engine.migrated_url(tmp_path, (*MIGRATIONS, TABLE))

    def runner(scenario: Scenario, prepare: Prepare | None = None) -> None:
        async def main() -> None:
            async with opened(url, (*MIGRATIONS, TABLE), clock) as first:
                if engine.name == "sqlite":
                    await scenario(Nodes([first], prepare))
                    return
                async with opened(url, (*MIGRATIONS, TABLE), clock) as second:
                    await scenario(Nodes([first, second], prepare))

        asyncio.run(asyncio.wait_for(main(), 30))

    return runner


async def pass_through(context: PrepareContext, call: Call[Any]) -> Any:
    return call.input


def repeats(response: Response, sid: str) -> bool:
    body = {"resource_sid": sid, "resource_url": f"{BASE}/v1/Notes/{sid}"}
    return response.status == 202 and json.loads(response.body) == body


BOTH = pytest.mark.parametrize("prepare", [None, pass_through], ids=["plain", "prepared"])


@BOTH
def test_a_repeat_is_not_executed_and_names_the_resource(
    run: Callable[..., None], prepare: Prepare | None
) -> None:
    async def scenario(nodes: Nodes) -> None:
        first = await nodes()
        sid = json.loads(first.body)["sid"]
        assert first.status == 201
        assert repeats(await nodes(), sid)
        assert repeats(await nodes(node=1), sid)
        assert [note.sid for note in await nodes.notes()] == [sid]
        assert json.loads((await nodes("b", f"Notes/{sid}")).body)["edits"] == 1
        assert repeats(await nodes("b", f"Notes/{sid}", node=1), sid)
        assert await nodes.notes() == [Note(sid, 1)]

    run(scenario, prepare)


@BOTH
def test_ids_are_the_callers_own_and_without_one_everything_is_executed(
    run: Callable[..., None], prepare: Prepare | None
) -> None:
    async def scenario(nodes: Nodes) -> None:
        requests = [nodes(), nodes("b"), nodes(identity="bob"), nodes(None), nodes(None)]
        requests += [nodes("c", "Plain"), nodes("c", "Plain")]
        assert [(await one).status for one in requests] == [201] * 7
        assert len(await nodes.notes()) == 7
        assert await nodes.claims() == 3

    run(scenario, prepare)


@BOTH
def test_of_many_at_once_one_is_executed(run: Callable[..., None], prepare: Prepare | None) -> None:
    async def scenario(nodes: Nodes) -> None:
        responses = await asyncio.gather(*(nodes(node=number) for number in range(8)))
        assert sorted(response.status for response in responses) == [201] + [202] * 7
        (note,) = await nodes.notes()
        assert all(repeats(response, note.sid) for response in responses if response.status == 202)

    run(scenario, prepare)


def test_one_that_is_being_executed_is_repeated_with_the_reserved_sid(run: Callable[..., None]) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(context: PrepareContext, call: Call[Any]) -> Any:
        entered.set()
        await leave.wait()
        return call.input

    async def scenario(nodes: Nodes) -> None:
        first = asyncio.create_task(nodes())
        await entered.wait()
        early = json.loads((await nodes(node=1)).body)["resource_sid"]
        assert await nodes.notes() == []
        leave.set()
        assert json.loads((await first).body)["sid"] == early
        assert repeats(await nodes(node=1), early)

    run(scenario, wait)


@BOTH
def test_a_mutation_that_failed_may_be_tried_again(run: Callable[..., None], prepare: Prepare | None) -> None:
    async def scenario(nodes: Nodes) -> None:
        sid = json.loads((await nodes()).body)["sid"]
        missing = "NO" + "9" * 32
        for _ in range(2):
            with pytest.raises(ApiError) as error:
                await nodes("b", f"Notes/{missing}")
            assert error.value.code == 20404
        assert (await nodes("b", f"Notes/{sid}")).status == 200

    run(scenario, prepare)


@pytest.mark.parametrize("failure", [ApiError(20403), asyncio.CancelledError()])
def test_a_step_that_fails_releases_the_claim(run: Callable[..., None], failure: BaseException) -> None:
    failures = [failure]

    async def fail_once(context: PrepareContext, call: Call[Any]) -> Any:
        if failures:
            raise failures.pop()
        return call.input

    async def scenario(nodes: Nodes) -> None:
        with pytest.raises(type(failure)):
            await nodes()
        assert await nodes.claims() == 0
        assert (await nodes(node=1)).status == 201

    run(scenario, fail_once)


def test_after_a_crash_the_lease_ends_and_the_late_one_executes_nothing(
    run: Callable[..., None], clock: Now
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def first_waits(context: PrepareContext, call: Call[Any]) -> Any:
        if not entered.is_set():
            entered.set()
            await leave.wait()
        return call.input

    async def scenario(nodes: Nodes) -> None:
        late = asyncio.create_task(nodes())
        await entered.wait()
        clock.now += LEASE - 1
        assert (await nodes(node=1)).status == 202
        clock.now += 1
        response = await nodes(node=1)
        assert response.status == 201
        leave.set()
        sid = json.loads(response.body)["sid"]
        assert repeats(await late, sid)
        assert [note.sid for note in await nodes.notes()] == [sid]
        assert repeats(await nodes(), sid)

    run(scenario, first_waits)


async def sweep(database: Database, clock: Now) -> None:
    """Remove the claims that have expired."""
    await RetentionSweeper(database, Retention(RETENTION, {}), clock, lambda table, rows: None).sweep()


@pytest.mark.parametrize("swept", [False, True])
def test_a_step_that_outlasts_its_lease_is_executed_if_nobody_else_claimed(
    run: Callable[..., None], clock: Now, swept: bool
) -> None:
    async def outlast(context: PrepareContext, call: Call[Any]) -> Any:
        clock.now += 2 * LEASE
        if swept:
            await sweep(context.database, clock)
        return call.input

    async def scenario(nodes: Nodes) -> None:
        first = await nodes()
        sid = json.loads(first.body)["sid"]
        assert first.status == 201
        assert repeats(await nodes(node=1), sid)
        assert (await nodes("b", f"Notes/{sid}")).status == 200
        assert await nodes.notes() == [Note(sid, 1)]

    run(scenario, outlast)


def test_a_late_one_is_executed_if_the_one_that_took_over_failed(
    run: Callable[..., None], clock: Now
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def first_waits(context: PrepareContext, call: Call[Any]) -> Any:
        if entered.is_set():
            raise ApiError(20403)
        entered.set()
        await leave.wait()
        return call.input

    async def scenario(nodes: Nodes) -> None:
        late = asyncio.create_task(nodes())
        await entered.wait()
        clock.now += LEASE
        with pytest.raises(ApiError):
            await nodes(node=1)
        leave.set()
        response = await late
        assert response.status == 201
        assert [note.sid for note in await nodes.notes()] == [json.loads(response.body)["sid"]]

    run(scenario, first_waits)


def test_one_whose_commit_had_an_unknown_outcome_is_not_executed_again(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(nodes: Nodes) -> None:
        database = nodes.databases[0]
        write, writes = database.write, []

        async def lose_the_second(action: Any) -> Any:
            writes.append(action)
            result = await write(action)
            if len(writes) == 2:
                raise OutcomeUnknown("the connection was lost")
            return result

        monkeypatch.setattr(database, "write", lose_the_second)
        with pytest.raises(OutcomeUnknown):
            await nodes()
        assert len(writes) == 3
        (note,) = await nodes.notes()
        assert repeats(await nodes(), note.sid)

    run(scenario, pass_through)


@BOTH
def test_ids_are_forgotten_after_some_minutes_and_swept(
    run: Callable[..., None], prepare: Prepare | None, clock: Now
) -> None:
    async def scenario(nodes: Nodes) -> None:
        for name in "abc":
            await nodes(name)
        clock.now += LIFETIME - 1
        assert (await nodes("a")).status == 202
        await sweep(nodes.databases[0], clock)
        assert await nodes.claims() == 3
        clock.now += 1
        assert (await nodes("a")).status == 201
        await sweep(nodes.databases[0], clock)
        assert await nodes.claims() == 1
        assert (await nodes("a")).status == 202

    run(scenario, prepare)


@pytest.mark.parametrize("id", ["", "a b", "x" * 129, "é", "a\x00"])
def test_an_id_that_is_none_is_rejected(run: Callable[..., None], id: str) -> None:
    async def scenario(nodes: Nodes) -> None:
        with pytest.raises(ApiError) as error:
            await nodes(id)
        assert (error.value.code, await nodes.notes()) == (20001, [])

    run(scenario)


def test_a_handler_stands_beside_no_action_step_or_mutation() -> None:
    async def handle(call: Call[Any]) -> Any:
        return call

    handled(OperationKind.CREATE, PATH, handle, view)
    target = MutationTarget(PATH, "Sid")
    for declared in ({"test_action": make}, {"prepare": pass_through}, {"mutation": target}):
        with pytest.raises(ValueError, match="handler"):
            handled(OperationKind.CREATE, PATH, handle, view, **declared)
    with pytest.raises(ValueError, match="handler"):
        create(PATH, make, view, Empty, handler=handle)


def test_a_read_declares_neither_step_nor_mutation() -> None:
    for declared in ({"prepare": pass_through}, {"mutation": MutationTarget(PATH, "Sid")}):
        with pytest.raises(ValueError, match="only writes"):
            update(PATH, edit, view, Empty, verb="GET", **declared)
