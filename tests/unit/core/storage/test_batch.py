"""Changes that share a transaction: all are made, in their order, and a bad one harms no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Database, StorageError, Tx


class Recorder:
    """A database that keeps what each transaction did, and can be made to fail."""

    def __init__(self) -> None:
        self.committed: list[list[str]] = []
        self.broken = False

    async def write(self, action: Callable[[Tx], Awaitable[Any]]) -> Any:
        await asyncio.sleep(0)
        if self.broken:
            raise StorageError("gone")
        done: list[str] = []
        result = await action(cast(Tx, done))
        self.committed.append(done)
        return result

    @property
    def kept(self) -> list[str]:
        return [change for done in self.committed for change in done]


async def _apply(tx: Tx, change: str) -> None:
    if change == "bad":
        raise ValueError(change)
    cast(list[str], tx).append(change)


def batch() -> tuple[Recorder, BatchWriter[str]]:
    recorder = Recorder()
    return recorder, BatchWriter(
        "names", cast(Database, recorder), _apply, logging.getLogger("trunkline.owner")
    )


def test_what_comes_in_meanwhile_shares_the_next_transaction() -> None:
    async def scenario() -> None:
        recorder, changes = batch()
        names = [str(number) for number in range(50)]
        await asyncio.gather(*(changes.add(name) for name in names))
        assert recorder.kept == names
        assert len(recorder.committed) == 1
        await changes.add("later")
        assert recorder.committed[-1] == ["later"]

    asyncio.run(scenario())


def test_a_transaction_is_bounded() -> None:
    async def scenario() -> None:
        recorder, changes = batch()
        await asyncio.gather(*(changes.add(str(number)) for number in range(450)))
        assert [len(done) for done in recorder.committed] == [200, 200, 50]

    asyncio.run(scenario())


def test_a_bad_change_fails_alone_and_is_logged_as_its_owners(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        recorder, changes = batch()
        found = await asyncio.gather(
            *(changes.add(name) for name in ("a", "bad", "b")), return_exceptions=True
        )
        assert recorder.kept == ["a", "b"]
        assert found[0] is found[2] is None
        assert isinstance(found[1], ValueError)

    asyncio.run(scenario())
    logged = [(record.name, record.getMessage()) for record in caplog.records]
    assert logged == [("trunkline.owner", "one of the names cannot be written")]


def test_without_storage_every_change_is_told_so_and_later_ones_are_made() -> None:
    async def scenario() -> None:
        recorder, changes = batch()
        recorder.broken = True
        found = await asyncio.gather(changes.add("a"), changes.add("b"), return_exceptions=True)
        assert all(isinstance(one, StorageError) for one in found)
        recorder.broken = False
        await changes.add("c")
        assert recorder.kept == ["c"]

    asyncio.run(scenario())


def test_drain_waits_for_what_was_enqueued() -> None:
    async def scenario() -> None:
        recorder, changes = batch()
        changes.enqueue("a")
        await changes.drain()
        assert recorder.kept == ["a"]
        await changes.drain()

    asyncio.run(scenario())


def test_who_no_longer_waits_holds_up_nobody() -> None:
    async def scenario() -> None:
        recorder, changes = batch()
        gone = changes.enqueue("a")
        gone.cancel()
        await changes.add("b")
        assert recorder.kept == ["a", "b"]
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(scenario())
