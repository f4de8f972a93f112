"""Large contents on both engines: written and read in pieces, referenced, removed, and swept after a crash."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from engines import Engine, opened
from trunkline.core.blobs import files, orphans
from trunkline.core.blobs.files import FileBlobs
from trunkline.core.blobs.pieces import PieceBlobs
from trunkline.core.blobs.store import (
    GRACE,
    MIGRATIONS,
    PIECE,
    BlobMissing,
    BlobReference,
    BlobTooLarge,
    DamagedBlob,
    SweptBlobStore,
    delete_blob,
    once,
    removed_on_failure,
)
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.storage.batch import weighed_batches
from trunkline.core.storage.database import (
    Conflict,
    Database,
    OutcomeUnknown,
    Row,
    StorageError,
    Tx,
    Unavailable,
)
from trunkline.core.storage.migrate import Migration

TABLE = Migration(
    "owners",
    1,
    (
        "CREATE TABLE owners (sid TEXT PRIMARY KEY, blob TEXT REFERENCES blobs (key))",
        "CREATE INDEX owners_by_blob ON owners (blob)",
    ),
)
REFERENCES = (BlobReference("owners", "blob"),)
ALL = 1 << 40


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead


class Key(Row, frozen=True):
    key: str


class Place:
    """A store with its database, and what is left in it."""

    def __init__(self, database: Database, blobs: SweptBlobStore, folder: Path, clock: Now) -> None:
        self.database, self.blobs, self.folder, self.clock = database, blobs, folder, clock

    async def keys(self) -> set[str]:
        """Return the keys that have a row, and those that have content; they must be the same."""
        rows = await self._keys("SELECT key FROM blobs")
        if isinstance(self.blobs, PieceBlobs):
            assert await self._keys("SELECT DISTINCT key FROM blob_pieces") <= rows
        else:
            assert set(self.files()) == rows
        return rows

    def files(self) -> list[str]:
        return [path.name for path in self.folder.glob("*/*")]

    async def _keys(self, sql: str) -> set[str]:
        return {row.key for row in await self.database.read(lambda tx: tx.all(Key, sql))}

    async def refer(self, key: str) -> None:
        await self.database.write(
            lambda tx: tx.run("INSERT INTO owners (sid, blob) VALUES (:key, :key)", key=key)
        )

    async def content(self, key: str, start: int = 0, end: int = 0) -> bytes:
        return b"".join([piece async for piece in self.blobs.read(key, start, end)])


Scenario = Callable[[Place], Awaitable[None]]


@pytest.fixture
def run(engine: Engine, tmp_path: Path) -> Callable[[Scenario], None]:
    migrations = (*MIGRATIONS, TABLE)
    url = engine.migrated_url(tmp_path, migrations)

    def runner(scenario: Scenario) -> None:
        async def main() -> None:
            clock = Now()
            async with opened(url, migrations, clock) as database:
                folder = tmp_path / "blobs"
                blobs: SweptBlobStore = (
                    FileBlobs(database, folder, REFERENCES)
                    if engine.name == "sqlite"
                    else PieceBlobs(database, REFERENCES)
                )
                try:
                    await scenario(Place(database, blobs, folder, clock))
                finally:
                    await blobs.stop()

        asyncio.run(asyncio.wait_for(main(), 60))

    return runner


async def chunks(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
def test_a_content_is_read_as_it_was_written(run: Callable[[Scenario], None], size: int) -> None:
    async def scenario(place: Place) -> None:
        content = os.urandom(size)
        for source in (once(content), chunks(content, 100_001)):
            blob = await place.blobs.write(source, size)
            assert blob.size == size
            assert await place.content(blob.key, 0, size) == content
        assert len(await place.keys()) == 2

    run(scenario)


def test_a_range_is_read_in_pieces(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        content = os.urandom(2 * PIECE + 10)
        key = (await place.blobs.write(once(content), len(content))).key
        for start, end in ((0, 1), (PIECE - 1, PIECE + 1), (PIECE, 2 * PIECE), (5, 2 * PIECE + 10), (7, 7)):
            assert await place.content(key, start, end) == content[start:end]
        pieces = [piece async for piece in place.blobs.read(key, 1, len(content))]
        assert max(map(len, pieces)) <= PIECE
        with pytest.raises(BlobMissing):
            await place.content(key, 0, len(content) + 1)
        with pytest.raises(BlobMissing):
            await place.content("0" * 32, 0, 1)

    run(scenario)


def test_what_is_too_large_or_fails_leaves_nothing(run: Callable[[Scenario], None]) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(PIECE + 1)
        raise ZeroDivisionError

    async def scenario(place: Place) -> None:
        with pytest.raises(BlobTooLarge):
            await place.blobs.write(chunks(bytes(2 * PIECE), 1000), 2 * PIECE - 1)
        with pytest.raises(ZeroDivisionError):
            await place.blobs.write(broken(), ALL)
        assert await place.keys() == set()

    run(scenario)


def test_a_cancelled_write_leaves_nothing(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        waiting = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield bytes(PIECE)
            waiting.set()
            await asyncio.Event().wait()

        writing = asyncio.create_task(place.blobs.write(endless(), ALL))
        await waiting.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await place.keys() == set()

    run(scenario)


def test_a_write_whose_last_transaction_fails_leaves_nothing(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leave nothing, whatever the error is: the storage's, or one that nobody foresaw."""

    async def scenario(place: Place) -> None:
        write, calls = place.database.write, list[Any]()
        last = 1 if isinstance(place.blobs, FileBlobs) else 3
        for error in (Unavailable("the disk is full"), ZeroDivisionError()):
            calls.clear()

            async def fail(action: Any, error: Exception = error) -> Any:
                calls.append(action)
                if len(calls) == last:
                    raise error
                return await write(action)

            monkeypatch.setattr(place.database, "write", fail)
            with pytest.raises(type(error)):
                await place.blobs.write(once(b"x"), 1)
            monkeypatch.undo()
        await place.blobs.stop()
        assert await place.keys() == set()

    run(scenario)


@pytest.mark.parametrize("committed", [True, False])
def test_a_write_that_is_cancelled_in_a_transaction_leaves_nothing(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    async def scenario(place: Place) -> None:
        write = place.database.write
        for number in range(1 if isinstance(place.blobs, FileBlobs) else 3):
            left = [None] * number

            async def cancel(action: Any, left: list[None] = left) -> Any:
                if left:
                    left.pop()
                    return await write(action)
                monkeypatch.undo()
                if committed:
                    await write(action)
                raise asyncio.CancelledError

            monkeypatch.setattr(place.database, "write", cancel)
            with pytest.raises(asyncio.CancelledError):
                await place.blobs.write(once(b"x"), 1)
        await place.blobs.stop()
        assert await place.keys() == set()

    run(scenario)


@pytest.mark.parametrize("operation", ["_create", "_sync", "_publish"])
def test_a_write_that_is_cancelled_during_a_file_operation_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Leave not even an open file, which would be a warning."""
    real, leave = getattr(files, operation), threading.Event()

    async def scenario() -> None:
        loop, entered = asyncio.get_running_loop(), asyncio.Event()

        def linger(*arguments: Any) -> Any:
            result = real(*arguments)
            loop.call_soon_threadsafe(entered.set)
            leave.wait(10)
            return result

        monkeypatch.setattr(files, operation, linger)
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", MIGRATIONS) as database:
            blobs = FileBlobs(database, tmp_path / "blobs", ())
            writing = asyncio.create_task(blobs.write(once(b"x"), 1))
            await entered.wait()
            writing.cancel()
            await asyncio.sleep(0)
            leave.set()
            with pytest.raises(asyncio.CancelledError):
                await writing
            await blobs.stop()
        assert list((tmp_path / "blobs").glob("*/*")) == []

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_read_that_is_cancelled_while_it_opens_leaves_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, leave, made = files._open_at, threading.Event(), list[BinaryIO]()

    async def scenario() -> None:
        loop, entered = asyncio.get_running_loop(), asyncio.Event()

        def linger(path: Path, start: int) -> BinaryIO:
            made.append(real(path, start))
            loop.call_soon_threadsafe(entered.set)
            leave.wait(10)
            return made[0]

        monkeypatch.setattr(files, "_open_at", linger)
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", MIGRATIONS) as database:
            blobs = FileBlobs(database, tmp_path / "blobs", ())
            key = (await blobs.write(once(b"x"), 1)).key

            async def read() -> list[bytes]:
                return [piece async for piece in blobs.read(key, 0, 1)]

            reading = asyncio.create_task(read())
            await entered.wait()
            reading.cancel()
            await asyncio.sleep(0)
            leave.set()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await blobs.stop()
        assert made[0].closed

    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_blobs_whose_transaction_fails_are_removed(
    run: Callable[[Scenario], None], error: type[BaseException]
) -> None:
    async def fail(place: Place) -> None:
        async with removed_on_failure(place.database, place.blobs) as store:
            for _ in range(2):
                await store.write(once(b"x"), 1)
            assert len(await place.keys()) == 2
            raise error

    async def scenario(place: Place) -> None:
        with pytest.raises(error):
            await fail(place)
        await place.blobs.stop()
        assert await place.keys() == set()

    run(scenario)


def test_blobs_whose_transaction_was_committed_stay(run: Callable[[Scenario], None]) -> None:
    """Keep them when a caller fails behind its commit, or gets no response to it."""

    async def fail(place: Place) -> None:
        async with removed_on_failure(place.database, place.blobs) as store:
            await place.refer((await store.write(once(b"y"), 1)).key)
            raise OutcomeUnknown("the connection was lost")

    async def scenario(place: Place) -> None:
        async with removed_on_failure(place.database, place.blobs) as store:
            await store.write(once(b"x"), 1)
        with pytest.raises(OutcomeUnknown):
            await fail(place)
        assert b"".join([piece async for piece in store.read(store.written[0].key, 0, 1)]) == b"x"
        await place.blobs.stop()
        assert len(await place.keys()) == 2

    run(scenario)


def test_the_database_refuses_what_would_break_a_reference(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(Conflict):
            await place.refer("0" * 32)
        key = (await place.blobs.write(once(b"x"), 1)).key
        await place.refer(key)
        with pytest.raises(Conflict):
            await place.database.write(lambda tx: delete_blob(tx, key))
        assert await place.content(key, 0, 1) == b"x"

    run(scenario)


def test_a_removal_takes_effect_with_its_transaction(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        key = (await place.blobs.write(once(b"x"), 1)).key

        async def fail(tx: Tx) -> None:
            await delete_blob(tx, key)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await place.database.write(fail)
        assert await place.content(key, 0, 1) == b"x"
        await place.database.write(lambda tx: delete_blob(tx, key))
        await place.blobs.stop()
        assert await place.keys() == set()

    run(scenario)


def test_the_sweep_removes_old_blobs_that_nothing_refers_to(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.blobs.orphans._PAGE", 2)

    async def scenario(place: Place) -> None:
        keys = [(await place.blobs.write(once(b"x"), 1)).key for _ in range(6)]
        for key in keys[:3]:
            await place.refer(key)
        await place.blobs.sweep()
        assert await place.keys() == set(keys)
        place.clock.ahead += GRACE + SECOND
        fresh = (await place.blobs.write(once(b"x"), 1)).key
        await place.blobs.sweep()
        await place.blobs.stop()
        assert await place.keys() == {*keys[:3], fresh}

    run(scenario)


def test_the_sweep_removes_what_a_crash_left_of_a_write(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(place: Place) -> None:
        write = place.database.write
        calls: list[Any] = []

        async def crash(action: Any) -> Any:
            """Drop the last transaction of the write, and all that would clean up after it."""
            calls.append(action)
            if len(calls) > (0 if isinstance(place.blobs, FileBlobs) else 2):
                raise Unavailable("the node is gone")
            return await write(action)

        monkeypatch.setattr(place.database, "write", crash)
        monkeypatch.setattr(files, "_remove", lambda path: None)
        with pytest.raises(StorageError):
            await place.blobs.write(once(b"x"), 1)
        monkeypatch.undo()
        if isinstance(place.blobs, FileBlobs):
            assert len(place.files()) == 1
            (place.folder / "ab").mkdir()
            (place.folder / "ab" / "half.part").write_bytes(b"x")
        else:
            assert len(await place.keys()) == 1
        await place.blobs.sweep()
        assert len(place.files() or await place.keys()) >= 1
        place.clock.ahead += GRACE + SECOND
        await place.blobs.sweep()
        assert await place.keys() == set()

    run(scenario)


def test_a_sweep_goes_on_after_a_reference_that_was_made_meanwhile(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(place: Place) -> None:
        keys = sorted([(await place.blobs.write(once(b"x"), 1)).key for _ in range(2)])
        place.clock.ahead += GRACE + SECOND
        write = place.database.write
        referred: list[str] = []

        async def refer_first(action: Any) -> Any:
            if not referred:
                referred.append(keys[0])
                monkeypatch.setattr(place.database, "write", write)
                await place.refer(keys[0])
                monkeypatch.setattr(place.database, "write", refer_first)
            return await write(action)

        monkeypatch.setattr(place.database, "write", refer_first)
        await place.blobs.sweep()
        monkeypatch.undo()
        await place.blobs.stop()
        assert await place.keys() == {keys[0]}

    run(scenario)


def test_the_removal_of_many_blobs_is_few_transactions(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.blobs.orphans._BATCH", 4)

    async def scenario(place: Place) -> None:
        for _ in range(10):
            await place.blobs.write(once(b"x"), 1)
        place.clock.ahead += GRACE + SECOND
        write, writes = place.database.write, []

        async def counted(action: Any) -> Any:
            writes.append(action)
            return await write(action)

        monkeypatch.setattr(place.database, "write", counted)
        await place.blobs.sweep()
        monkeypatch.undo()
        await place.blobs.stop()
        assert (len(writes), await place.keys()) == (3, set())

    run(scenario)


def test_large_blobs_share_no_transaction() -> None:
    sizes = (1, 0, 2 * PIECE, 5 * PIECE, PIECE + 1, 1)
    found = (orphans._Orphan(str(number), size) for number, size in enumerate(sizes))
    batches = weighed_batches(found, orphans._pieces, 4)
    assert [[one.size for one in batch] for batch in batches] == [
        [1, 0, 2 * PIECE],
        [5 * PIECE],
        [PIECE + 1, 1],
    ]


class CountedTx:
    """A transaction that counts the statements of a scan, and the keys of the files that one of them finds."""

    def __init__(self, tx: Tx, statements: list[int]) -> None:
        self._tx, self._statements, self.now = tx, statements, tx.now

    async def all(self, row: Any, sql: str, /, **values: Any) -> Any:
        self._statements.append(len({value for name, value in values.items() if name.startswith("key")}))
        return await self._tx.all(row, sql, **values)

    async def value(self, sql: str, /, **values: Any) -> Any:
        self._statements.append(0)
        return await self._tx.value(sql, **values)


def test_a_sweep_finds_the_rows_of_many_files_by_few_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sweep files in all subdirectories: one statement for a batch, and no more than a batch held."""
    batch, count = files._BATCH, 3 * files._BATCH + 1
    folder = tmp_path / "blobs"

    async def scenario() -> None:
        clock, statements = Now(), list[int]()
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", (*MIGRATIONS, TABLE), clock) as database:
            blobs = FileBlobs(database, folder, REFERENCES)
            kept = (await blobs.write(once(b"x"), 1)).key
            await database.write(lambda tx: tx.run("INSERT INTO owners VALUES ('1', :key)", key=kept))
            for number in range(count - 1):
                path = folder / f"{number % 256:02x}" / f"{number % 256:02x}{number:030x}"
                path.parent.mkdir(exist_ok=True)
                path.touch()
            clock.ahead += GRACE + SECOND
            scan = database.scan
            monkeypatch.setattr(
                database, "scan", lambda action: scan(lambda tx: action(CountedTx(tx, statements)))
            )
            await blobs.sweep()
            await blobs.stop()
        # Three are the pages of blobs without a reference.
        assert len(statements) == 3 + 4
        assert sorted(statements[3:]) == [1, batch, batch, batch]
        assert [path.name for path in folder.glob("*/*")] == [kept]

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_sweep_holds_at_most_a_batch_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BATCH", 3)
    for number in range(10):
        (tmp_path / f"{number % 2:02x}").mkdir(exist_ok=True)
        (tmp_path / f"{number % 2:02x}" / str(number)).touch()
    (tmp_path / "xx").touch()
    (tmp_path / "00" / "yy").mkdir()
    batches = list(files._old_files(tmp_path, system_clock() + SECOND))
    assert [len(batch) for batch in batches] == [3, 3, 3, 1]
    assert {name: path for batch in batches for name, path in batch.items()} == {
        str(number): tmp_path / f"{number % 2:02x}" / str(number) for number in range(10)
    }
    assert list(files._old_files(tmp_path, 0)) == []
    assert list(files._old_files(tmp_path / "none", system_clock())) == []


def test_a_file_that_is_removed_during_the_sweep_does_not_end_it(tmp_path: Path) -> None:
    (tmp_path / "00").mkdir()
    path = tmp_path / "00" / "x"
    path.touch()
    with os.scandir(path.parent) as entries:
        (entry,) = entries
        path.unlink()
        assert not files._is_old_file(entry, system_clock() + SECOND)


def test_a_start_begins_no_sweep(run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(place: Place) -> None:
        scans: list[Any] = []

        async def refuse(action: Any) -> Any:
            scans.append(action)
            raise Unavailable("not during the start")

        monkeypatch.setattr(place.database, "scan", refuse)
        await place.blobs.start()
        for _ in range(50):
            await asyncio.sleep(0)
        assert scans == []

    run(scenario)


def test_a_file_is_on_disk_before_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the order: content, then name, then directory, then row."""
    steps: list[str] = []
    for name in ("_sync", "_publish", "sync_directory"):
        real = getattr(files, name)

        def record(*arguments: Any, name: str = name, real: Any = real) -> Any:
            steps.append(name)
            return real(*arguments)

        monkeypatch.setattr(files, name, record)

    async def scenario() -> None:
        url = f"sqlite:///{tmp_path / 'x.db'}"
        async with opened(url, (*MIGRATIONS, TABLE)) as database:
            blobs = FileBlobs(database, tmp_path / "blobs", REFERENCES)
            write = database.write

            async def recorded(action: Any) -> Any:
                steps.append("row")
                return await write(action)

            monkeypatch.setattr(database, "write", recorded)
            key = (await blobs.write(once(b"x"), 1)).key
            await blobs.stop()
            path = tmp_path / "blobs" / key[:2] / key
            assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    asyncio.run(scenario())
    assert steps == ["sync_directory", "_sync", "_publish", "sync_directory", "row"]


def test_a_full_disk_is_unavailable(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", MIGRATIONS) as database:
            (tmp_path / "blobs").write_bytes(b"no directory")
            blobs = FileBlobs(database, tmp_path / "blobs", ())
            with pytest.raises(Unavailable):
                await blobs.write(once(b"x"), 1)
            # The node is not ready until the database, which has the same disk, accepts a change.
            assert database.condition._unwritable  # type: ignore[attr-defined]
            await database.check()
            await blobs.stop()

    asyncio.run(scenario())


def test_a_damaged_file_is_logged_once_and_no_reason_to_try_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", MIGRATIONS) as database:
            blobs = FileBlobs(database, tmp_path / "blobs", ())
            key = (await blobs.write(once(b"content"), ALL)).key
            path = tmp_path / "blobs" / key[:2] / key
            path.write_bytes(b"con")
            for _ in "twice":
                with pytest.raises(DamagedBlob):
                    _ = [piece async for piece in blobs.read(key, 0, 7)]
            # One attachment takes no node out of the balance.
            await database.check()
            path.unlink()
            with pytest.raises(BlobMissing) as gone:
                await anext(blobs.read(key, 0, 7))
            assert not isinstance(gone.value, DamagedBlob)
            await blobs.stop()

    asyncio.run(scenario())
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "it is cut short; restore it from a backup"
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EMFILE, Unavailable), (errno.ENFILE, Unavailable), (errno.EIO, DamagedBlob)],
)
@pytest.mark.parametrize("opens", [True, False])
def test_too_many_open_files_pass_and_a_bad_disk_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception], opens: bool
) -> None:
    class BadFile:
        def read(self, _: int) -> bytes:
            raise OSError(number, os.strerror(number))

        def close(self) -> None:
            pass

    def open_at(path: Path, start: int) -> BadFile:
        if opens:
            return BadFile()
        raise OSError(number, os.strerror(number))

    async def scenario() -> None:
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", MIGRATIONS) as database:
            blobs = FileBlobs(database, tmp_path / "blobs", ())
            key = (await blobs.write(once(b"content"), ALL)).key
            monkeypatch.setattr(files, "_open_at", open_at)
            with pytest.raises(expected):
                await anext(blobs.read(key, 0, 7))
            await blobs.stop()

    asyncio.run(scenario())


def test_too_many_open_files_say_nothing_about_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(_: Path) -> BinaryIO:
        raise OSError(errno.EMFILE, "Too many open files")

    async def scenario() -> None:
        async with opened(f"sqlite:///{tmp_path / 'x.db'}", MIGRATIONS) as database:
            blobs = FileBlobs(database, tmp_path / "blobs", ())
            monkeypatch.setattr(files, "_create", create)
            with pytest.raises(Unavailable):
                await blobs.write(once(b"x"), 1)
            assert not database.condition._unwritable  # type: ignore[attr-defined]
            await blobs.stop()

    asyncio.run(scenario())
