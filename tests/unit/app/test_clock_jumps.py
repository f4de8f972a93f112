"""A clock that jumps three hours ahead and back: no stored moment, and none of a process, holds back for it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from engines import Engine, opened
from trunkline.api.concurrency import FailedLogins
from trunkline.app.products import holds, migrations, products
from trunkline.core.clock import JUMP, SECOND, WatchedClock, has_passed
from trunkline.core.hold_watch import HoldWatch
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import Tx, Unavailable
from trunkline.core.storage.holds import are_ahead, bring_back
from trunkline.core.webhooks.signing_tokens import SigningTokens
from trunkline.products.accounts.facade import record_alert
from trunkline.products.messaging.receiving.loop_guard import PAUSE, ReplyExchange, decide_reply
from trunkline.products.sync.limits import Buckets, Rate
from trunkline.realtime.continuation_tokens import Seal
from trunkline.realtime.effects import SessionRules
from trunkline.realtime.session import INIT_WITHIN, RealtimeSession
from trunkline.settings import Settings

HOURS = 3 * 3600 * SECOND
NOW = 1_800_000_000 * SECOND
MANIFESTS = products(Settings())
HOLDS = holds(MANIFESTS)
ACCOUNT = "AC" + "1" * 32

SETUP = (
    "INSERT INTO accounts (sid, owner_account_sid, friendly_name, status, auth_token, date_created, date_updated)"
    f" VALUES ('{ACCOUNT}', '{ACCOUNT}', '', 'active', :blob, 0, 0)",
    "INSERT INTO messages (sid, account_sid, date_created, date_updated, direction, status, recipient, body, num_media,"
    " num_segments, price_unit, callback_method, options)"
    f" VALUES ('SM1', '{ACCOUNT}', 0, 0, '', '', '', '', 0, 0, '', '', '')",
)
_JOB = "INSERT INTO jobs VALUES ('{0}', 'k', '', '', NULL, 0, '{0}', FALSE, :until, {1}, 0, '', 1, :since, 0, '')"
_ENTRY = (
    "INSERT INTO message_queue (message_sid, account_sid, step, lane, place, due, expires, segments, attempts, taken,"
    " since) VALUES ('SM1', '', '{}', '', 0, :until, :until, 0, 0, '', :since)"
)
_LANE = (
    "INSERT INTO message_lanes (lane, account_sid, sender, queued, last_used, free_at, until, free_since)"
    f" VALUES ('l', '{ACCOUNT}', '', 1, 0, {{}}, {{}}, :since)"
)
_MUTATION = "INSERT INTO mutations VALUES ('a', 's', 'i', 'm', 'c', 'r', {}, :until)"


class StoredMoment(msgspec.Struct, frozen=True):
    """A row that a clock wrote ``span`` seconds ahead; ``read`` returns the moment. One that is ``kept`` is its
    user's."""

    name: str
    write: str
    read: str
    span: int
    kept: bool = False


STORED = (
    StoredMoment("a retry of a job", _JOB.format("ready", "NULL"), "SELECT due FROM jobs", 3600),
    StoredMoment("the lease of a job", _JOB.format("ready", "'node'"), "SELECT due FROM jobs", 60),
    StoredMoment("a job behind another", _JOB.format("waiting", "NULL"), "SELECT due FROM jobs", 0),
    StoredMoment("a message that was deferred", _ENTRY.format("send"), "SELECT due FROM message_queue", 300),
    StoredMoment("a message without a sender", _ENTRY.format("choose"), "SELECT due FROM message_queue", 60),
    StoredMoment(
        "a scheduled message", _ENTRY.format("scheduled"), "SELECT due FROM message_queue", 900, True
    ),
    StoredMoment(
        "the validity of a message", _ENTRY.format("send"), "SELECT expires FROM message_queue", 36_000, True
    ),
    StoredMoment("a sender's rate", _LANE.format(":until", "0"), "SELECT free_at FROM message_lanes", 1000),
    StoredMoment("the lease of a lane", _LANE.format("0", ":until"), "SELECT until FROM message_lanes", 20),
    StoredMoment(
        "a node's lease",
        "INSERT INTO realtime_nodes VALUES ('n', :until)",
        "SELECT until FROM realtime_nodes",
        20,
    ),
    StoredMoment("a mutation id", _MUTATION.format("TRUE"), "SELECT expires_at FROM mutations", 600),
    StoredMoment(
        "the lease of a mutation", _MUTATION.format("FALSE"), "SELECT expires_at FROM mutations", 60
    ),
    StoredMoment(
        "a part of a message from a phone",
        "INSERT INTO smpp_parts (carrier, sender, recipient, reference, total, number, octets, alphabet, header_octets,"
        " received) VALUES ('c', 's', 'r', 1, 2, 1, :blob, '', 0, :since)",
        "SELECT received FROM smpp_parts",
        0,
    ),
    StoredMoment(
        "the clearing of an inbox",
        "INSERT INTO sandbox_clearings VALUES ('a', :since)",
        "SELECT moment FROM sandbox_clearings",
        0,
    ),
    StoredMoment(
        "a part that was passed on",
        "INSERT INTO smpp_passed_parts VALUES ('c', 's', 'r', 1, 2, 1, '', :since)",
        "SELECT passed FROM smpp_passed_parts",
        0,
    ),
)


async def write_row(tx: Tx, case: StoredMoment, at: int) -> None:
    """Write the row as a clock would that shows ``at``."""
    for sql in SETUP:
        await tx.run(sql, blob=b"")
    values = {"until": at + case.span * SECOND, "since": at, "blob": b"\0"}
    sql = case.write
    await tx.run(sql, **{name: value for name, value in values.items() if f":{name}" in sql})


class UndoError(Exception):
    """The end of a transaction that leaves nothing."""


def test_no_stored_moment_lies_further_ahead_than_was_added(engine: Engine, tmp_path: Path) -> None:
    found: dict[tuple[str, int], int] = {}

    async def check(tx: Tx, case: StoredMoment, at: int) -> None:
        await write_row(tx, case, at)
        ahead = await are_ahead(tx, HOLDS)
        assert bool(await bring_back(tx, HOLDS)) == ahead
        assert not await are_ahead(tx, HOLDS)
        found[case.name, at] = await tx.value(case.read)
        raise UndoError

    async def run() -> None:
        url = engine.migrated_url(tmp_path, migrations(MANIFESTS))
        async with opened(url, migrations(MANIFESTS), lambda: NOW) as database:
            for case in STORED:
                for shown in (NOW + HOURS, NOW, NOW - HOURS, NOW + JUMP // 2):
                    with pytest.raises(UndoError):
                        await database.write(partial(check, case=case, at=shown))

    asyncio.run(run())
    for case in STORED:
        for shown in (NOW + HOURS, NOW, NOW - HOURS, NOW + JUMP // 2):
            # The clock was ahead: what was added then is added to now.
            start = NOW if shown > NOW + JUMP and not case.kept else shown
            assert found[case.name, shown] == start + case.span * SECOND, (case.name, shown - NOW)


def test_every_hold_has_a_case() -> None:
    written = {re.search(r"INTO (\w+)", case.write)[1] + " " + case.read.split()[1] for case in STORED}  # type: ignore[index]
    assert {f"{hold.table} {hold.until or hold.since}" for hold in HOLDS} <= written


_RECORDS = """
applied_at attempts brand_score certificate_created certificate_expires certificate_updated config_created
config_updated consumption_report_interval created created_event_id date_created date_sent date_updated day duration
edit_expiration error_code event_id fence header_octets item_index last_event_id last_used locking_shift messages minute
moment next_index num_media num_segments number part place post_webhook_retry_count pre_webhook_retry_count queued rate
reachability_debouncing_window redirects reference replies response_status segments single_shift size started total
tries typing_indicator_timeout updates validity_period
"""
RECORDS = frozenset(_RECORDS.split())
"""Numbers that are no moments, and moments that record what happened: they hold nothing back, whatever they are."""

TREATED = {
    "sync_objects date_expires": "its user's",
    "sync_items date_expires": "its user's",
    "sync_events date_expires": "the retention of events",
    "browser_sessions date_expires": "the end of a log-in",
    "message_queue expires": "its user's",
    "realtime_absences due": "a name of the job, which is a hold",
    "sync_departures due": "moved to realtime_absences",
    "sync_nodes until": "moved to realtime_nodes",
    "account_retention message_days": "a number of days",
    "account_retention media_days": "a number of days",
    "retention_clock id": "a name",
    "retention_clock swept": "a jump ahead holds back; one back does not",
    "retention_clock read": "the same",
    "retention_clock seen": "the same",
    "retention_clock ran": "a length of time",
    "link_domains reached": "has_passed",
    "reply_exchanges last": "decide_reply",
    "reply_exchanges refused_until": "decide_reply",
    "jobs since": "the start of a hold",
    "message_queue since": "the start of a hold",
    "message_lanes free_since": "the start of a hold",
}
"""Moments that are no ``Hold``, and the reason why they hold nothing back for longer than they should."""


def test_every_stored_number_is_a_record_or_is_treated() -> None:
    named = {f"{hold.table} {column}" for hold in HOLDS for column in (hold.until, hold.since)}
    unknown = []
    for step in migrations(MANIFESTS):
        for statement in step.statements:
            table = re.search(r"(?:CREATE TABLE|ALTER TABLE) (\w+)", statement)
            for column in re.findall(r"(\w+) BIGINT", statement) if table else ():
                name = f"{table[1]} {column}" if table else ""
                if column not in RECORDS and name not in named and name not in TREATED:
                    unknown.append(name)
    assert not unknown, "is it a moment that holds work back? Then name it as a Hold of its table"


class JumpingClock:
    """A wall clock that a test sets, and the steady clock beside it."""

    def __init__(self) -> None:
        self.wall = NOW
        self.steady = 5 * SECOND

    def __call__(self) -> int:
        return self.wall

    def pass_by(self, seconds: float) -> None:
        """Let time pass, on both."""
        self.wall += int(seconds * SECOND)
        self.steady += int(seconds * SECOND)

    def watched(self) -> WatchedClock:
        """Return the watched clock of these two."""
        return WatchedClock(self, lambda: self.steady)


def _bucket(clock: JumpingClock) -> Callable[[], bool]:
    bucket = TokenBucket(1)
    bucket.spend(1, clock())
    return lambda: bucket.wait(clock()) == 0


def _sync_bucket(clock: JumpingClock) -> Callable[[], bool]:
    buckets = Buckets(clock)
    for _ in range(200):
        buckets.take(Rate.WRITE, "x")

    def free() -> bool:
        try:
            buckets.take(Rate.WRITE, "x")
        except Exception:
            return False
        return True

    return free


def _guesses(clock: JumpingClock) -> Callable[[], bool]:
    logins = FailedLogins(clock)
    for _ in range(20):
        logins.delay("a")
    return lambda: logins.delay("a") < 0.2


def _token(clock: JumpingClock) -> Callable[[], bool]:
    found = ["old"]

    async def find(_: str) -> str:
        return found[0]

    tokens = SigningTokens(find, clock)
    asyncio.run(tokens("AC"))  # type: ignore[arg-type]
    found[0] = "new"
    return lambda: asyncio.run(tokens("AC")) == "new"  # type: ignore[arg-type]


def _reply(clock: JumpingClock) -> Callable[[], bool]:
    refused = ReplyExchange(15, clock(), clock() + PAUSE)
    return lambda: decide_reply(refused, clock()).allowed


def _since(clock: JumpingClock) -> Callable[[], bool]:
    at = clock()
    return lambda: has_passed(at, 60 * SECOND, clock())


def _session(clock: JumpingClock) -> Callable[[], bool]:
    session = RealtimeSession(SessionRules(Seal(bytes(32), lambda: ""), lambda: ""), clock())

    def ended() -> bool:
        session.follow(clock())
        return clock() >= session.due

    assert session.due == clock() + INIT_WITHIN
    return ended


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        (_bucket, 1),
        (_sync_bucket, 1),
        (_guesses, 61),
        (_token, 1),
        (_reply, 30),
        (_since, 60),
        (_session, 10),
    ],
)
@pytest.mark.parametrize("jump", [0, HOURS, -HOURS])
def test_no_moment_of_a_process_holds_longer_than_it_should(
    made: Callable[[JumpingClock], Callable[[], bool]], seconds: float, jump: int
) -> None:
    clock = JumpingClock()
    free = made(clock)
    if not jump:
        assert not free()
    clock.wall += jump
    free()
    clock.pass_by(seconds)
    assert free()


@pytest.mark.parametrize("jump", [HOURS, -HOURS, JUMP, -JUMP])
def test_a_jump_is_seen_once(jump: int) -> None:
    clock = JumpingClock()
    watched = clock.watched()
    clock.pass_by(3600)
    watched()
    assert watched.take_jumps() == []
    clock.wall += jump
    watched()
    watched()
    assert watched.take_jumps() == [jump]
    assert watched.take_jumps() == []


def test_a_clock_that_is_adjusted_slowly_does_not_jump() -> None:
    clock = JumpingClock()
    watched = clock.watched()
    for _ in range(100):
        clock.pass_by(1)
        clock.wall += SECOND // 2
        watched()
    assert watched.take_jumps() == []


def test_a_machine_that_slept_sees_a_jump_ahead() -> None:
    clock = JumpingClock()
    watched = clock.watched()
    # The steady clock stands still meanwhile.
    clock.wall += 8 * HOURS
    watched()
    assert watched.take_jumps() == [8 * HOURS]


def test_a_thread_that_is_held_up_between_two_readings_sees_no_jump() -> None:
    clock = JumpingClock()
    readings = 0

    def steady() -> int:
        nonlocal readings
        readings += 1
        if readings in (2, 4):
            clock.pass_by(60)
        return clock.steady

    watched = WatchedClock(clock, steady)
    watched()
    assert watched.take_jumps() == []


def test_a_clock_that_jumps_to_and_fro_raises_an_alert_an_hour(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, time_passed = JumpingClock(), [0]
    alerts: list[str] = []

    async def alert(tx: Tx, text: str) -> None:
        alerts.append(text)

    async def run() -> None:
        url = engine.migrated_url(tmp_path, migrations(MANIFESTS))
        watched = clock.watched()
        async with opened(url, migrations(MANIFESTS), watched) as database:
            watch = HoldWatch(database, watched, HOLDS, alert, lambda: time_passed[0])
            for later in (0, 0, 0, 3600):
                time_passed[0] += later * SECOND
                for jump in (HOURS, -HOURS):
                    clock.wall += jump
                    await watch.check()

    asyncio.run(run())
    assert [text.split()[4] for text in alerts] == ["ahead", "back"] * 2
    assert sum("jumped" in record.getMessage() for record in caplog.records) == 8


def test_a_jump_is_logged_and_raises_an_alert_once(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = JumpingClock()
    alerts: list[str] = []

    async def alert(tx: Tx, text: str) -> None:
        alerts.append(text)

    case = STORED[3]

    async def run() -> None:
        url = engine.migrated_url(tmp_path, migrations(MANIFESTS))
        watched = clock.watched()
        async with opened(url, migrations(MANIFESTS), watched) as database:
            watch = HoldWatch(database, watched, HOLDS, alert)
            await watch.start()
            clock.wall += HOURS
            await watch.check()
            await database.write(lambda tx: write_row(tx, case, tx.now))
            clock.wall -= HOURS
            await watch.check()
            await watch.check()
            await watch.stop()
            assert await database.read(lambda tx: tx.value(case.read)) == NOW + case.span * SECOND
            # What another node, or an earlier run, has written.
            await database.write(
                lambda tx: tx.run("UPDATE message_queue SET since = since + :h, due = due + :h", h=HOURS)
            )
            again = HoldWatch(database, watched, HOLDS, alert)
            await again.start()
            await again.stop()
            assert await database.read(lambda tx: tx.value(case.read)) == NOW + case.span * SECOND

    asyncio.run(run())
    assert alerts == [
        "The server's clock jumped ahead by 3:00:00.",
        "The server's clock jumped back by 3:00:00. 1 waiting items were moved back.",
        "1 waiting items lay ahead of the clock and were moved back: the clock was set back since they were written, or"
        " another node's is ahead.",
    ]
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line for line in logged if "jumped" in line] == [
        f"The server's clock jumped {way} by 3:00:00. Timers follow it; see to the machine's time service."
        for way in ("ahead", "back")
    ]


def test_an_alert_that_cannot_be_stored_undoes_no_repair(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, case = JumpingClock(), STORED[3]

    async def run() -> None:
        url = engine.migrated_url(tmp_path, migrations(MANIFESTS))
        watched = clock.watched()
        async with opened(url, migrations(MANIFESTS), watched) as database:

            async def alert(tx: Tx, text: str) -> None:
                await record_alert(tx, "AC" + "9" * 32, 20500, text)

            watch = HoldWatch(database, watched, HOLDS, alert)
            for way in ("a jump", "a start"):
                clock.wall += HOURS
                await watch.check()
                await database.write(lambda tx: write_row(tx, case, tx.now))
                clock.wall -= HOURS
                if way == "a jump":
                    await watch.check()
                else:
                    await HoldWatch(database, watched, HOLDS, alert)._check(way)
                assert await database.read(lambda tx: tx.value(case.read)) == NOW + case.span * SECOND, way
                for table in ("message_queue", "messages", "accounts"):
                    await database.write(partial(_clear, table=table))

    asyncio.run(run())
    assert caplog.text.count("cannot be stored") == 3


async def _clear(tx: Tx, table: str) -> None:
    await tx.run(f"DELETE FROM {table}")


def test_an_alert_waits_until_the_storage_is_back(engine: Engine, tmp_path: Path) -> None:
    clock, case = JumpingClock(), STORED[3]
    published: list[str] = []

    async def run() -> None:
        url = engine.migrated_url(tmp_path, migrations(MANIFESTS))
        watched = clock.watched()
        async with opened(url, migrations(MANIFESTS), watched) as database:

            async def alert(tx: Tx, text: str) -> None:
                published.append(text)
                if len(published) == 1:
                    raise Unavailable("the database is away")

            watch = HoldWatch(database, watched, HOLDS, alert)
            clock.wall += HOURS
            with pytest.raises(Unavailable):
                await watch.check()
            for _ in range(2):
                await watch.check()
            # Its rows had their turn, and the jump is told once.
            assert published == ["The server's clock jumped ahead by 3:00:00."] * 2
            await database.write(lambda tx: write_row(tx, case, tx.now))
            clock.wall -= HOURS
            write, database.write = database.write, _away  # type: ignore[method-assign]
            with pytest.raises(Unavailable):
                await watch.check()
            database.write = write  # type: ignore[method-assign]
            await watch.check()
            assert await database.read(lambda tx: tx.value(case.read)) == NOW + case.span * SECOND
            assert published[2:] == [
                "The server's clock jumped back by 3:00:00. 1 waiting items were moved back."
            ]

    asyncio.run(run())


async def _away(_: object) -> None:
    raise Unavailable("the database is away")
