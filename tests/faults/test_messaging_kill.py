"""A server that is killed while it sends: it loses no message, sends none twice whose outcome it had
recorded, keeps each sender's order, and reports every state; its memory of people and times survives.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic

from faults.integrity import damage
from faults.network import Network
from faults.receiver import Receiver
from faults.senders import Beside, Program, run_all
from faults.sending import POLL_SECONDS, World, running
from faults.writers import connected
from smsc import mobile

ROUNDS = int(os.environ.get("TRUNKLINE_KILL_ROUNDS", "3"))
"""Kills of one server; the figures quoted in the docs are of more."""
MESSAGES = int(os.environ.get("TRUNKLINE_KILL_MESSAGES", "40"))
"""Messages of each sender in each of the server's lives."""
QUEUED = 10_000
SECONDS = 60.0
"""The time limit of a long queue on a busy machine."""
LEAST_SECONDS, MOST_SECONDS = 0.1, 0.6
LEAST_SENT = 20
"""Messages that reach the network in each life before its kill, however slow the machine."""
NUMBERS = tuple(f"+1415555010{number}" for number in range(4))
POOL = ("+14155550120", "+14155550121")
RECIPIENT, LOYAL, AWAY = "+14155550150", "+14155550160", "+14155550170"


def test_kills_lose_no_message(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    asyncio.run(kill_often(database_url, tmp_path, record_property))
    if database_url.startswith("sqlite"):
        assert not damage(Path(database_url.removeprefix("sqlite:///")))


async def kill_often(database_url: str, folder: Path, record: Callable[[str, object], None]) -> None:
    network, chance, started = Network(), random.Random(), monotonic()
    async with network.smsc, Receiver() as app, running(folder, database_url, network) as server:
        world = World(server, Beside(server, database_url), network, app)
        await prepare(world)
        for _ in range(ROUNDS):
            await live(world, chance.uniform(LEAST_SECONDS, MOST_SECONDS))
        await world.settle()
        await check(world, record)
        await survived(world)
        record("seconds", round(monotonic() - started, 1))


def test_kills_among_ten_thousand_queued(tmp_path: Path) -> None:
    """Kill the server while a long queue stands and while it empties: all of it is sent, and only what was
    under way at a kill twice.
    """
    asyncio.run(kill_a_long_queue(f"sqlite:///{tmp_path / 'queue.db'}", tmp_path))


async def kill_a_long_queue(database_url: str, folder: Path) -> None:
    network = Network()
    async with network.smsc, Receiver() as app, running(folder, database_url, network) as server:
        world = World(server, Beside(server, database_url), network, app)
        numbers = [f"+141555502{number:02d}" for number in range(10)]
        await world.beside.own(*numbers, rate=1)
        programs = [Program(number, {"From": number, "To": RECIPIENT}) for number in numbers]
        await network.smsc.bound()
        await run_all(server, programs, QUEUED // len(numbers))
        made = {text for program in programs for text in program.made.values()}
        assert len(made) == QUEUED, [program.refused for program in programs]
        await kill_between(world, rate=2_000)
        before = len({one.text for one in network.seen})
        assert before < QUEUED / 10, "the queue was not long"
        await network.smsc.until(lambda: len(network.seen) > before + QUEUED // 3, SECONDS)
        await kill_between(world)
        assert len({one.text for one in network.seen}) < QUEUED, "the queue was empty"
        await emptied(world)
        shown = {one.body: one.sid for one in await world.beside.messages()}
        assert shown.keys() == made
        orphans = set[str]().union(*world.orphans)
        times = Counter(one.text for one in network.seen)
        assert times.keys() == made
        twice = {text for text, often in times.items() if often > 1}
        assert {shown[text] for text in twice} <= orphans, "what was known went twice"
        for number in numbers:
            known = [one.text for one in network.seen if one.text.startswith(number)]
            known = [text for text in known if shown[text] not in orphans]
            assert known == sorted(known), f"the messages of {number} were sent out of order"


async def kill_between(world: World, rate: int = 0) -> None:
    """Kill the server and start it again; numbers send at ``rate`` from then on, when one is given."""
    await asyncio.to_thread(world.server.kill)
    await world.network.smsc.until(lambda: not world.network.smsc.peers)
    world.orphans.append(await world.beside.after_death(rate))
    world.network.life += 1
    await asyncio.to_thread(world.server.start)
    await world.network.smsc.bound()


async def emptied(world: World) -> None:
    """Wait until all of a long queue is delivered."""
    network = world.network
    while missing := QUEUED - len({one.text for one in network.seen}):
        wanted = len(network.seen) + missing
        await network.smsc.until(lambda wanted=wanted: len(network.seen) >= wanted, SECONDS)  # type: ignore[misc]
    deadline = monotonic() + SECONDS
    await network.idle()
    while waiting := [one for one in await world.beside.messages() if one.status != "delivered"]:
        assert monotonic() < deadline, waiting[:5]
        await world.beside.hurry()
        await world.app.another(POLL_SECONDS)
        await network.idle()


async def prepare(world: World) -> None:
    """Create numbers, a Service, a person who keeps a sender, one who opted out, and a message for later."""
    await world.beside.own(*NUMBERS)
    pool = await world.beside.own(*POOL)
    world.service_sid = (await world.post("/messaging/v1/Services", FriendlyName="of a test"))["sid"]
    for sid in pool.values():
        await world.post(f"/messaging/v1/Services/{world.service_sid}/PhoneNumbers", PhoneNumberSid=sid)
    fields = {"StatusCallback": world.app.url, "To": RECIPIENT}
    world.programs = [Program(number, {**fields, "From": number}) for number in NUMBERS]
    through = {**fields, "MessagingServiceSid": world.service_sid}
    world.programs.append(Program("service", through))
    await world.network.smsc.bound()
    await world.network.smsc.deliver(mobile(AWAY.strip("+"), NUMBERS[0].strip("+"), "STOP"))
    await world.post("~/Messages.json", **{**through, "To": LOYAL, "Body": "first"})
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    later = {"ScheduleType": "fixed", "SendAt": f"{tomorrow:%Y-%m-%dT%H:%M:%SZ}"}
    made = await world.post("~/Messages.json", **through, **later, Body="later")
    world.scheduled_sid = made["sid"]


async def live(world: World, seconds: float) -> None:
    """Send, kill the server after some time and LEAST_SENT messages, and start it again."""
    before = len(world.network.seen)
    sending = asyncio.create_task(run_all(world.server, world.programs, MESSAGES))
    await asyncio.wait([sending], timeout=seconds)
    await world.network.smsc.until(lambda: len(world.network.seen) >= before + LEAST_SENT, SECONDS)
    await kill_between(world)
    await sending


async def check(world: World, record: Callable[[str, object], None]) -> None:
    """Hold what the network and the app saw against what was acknowledged and what is stored."""
    shown = {one.sid: one for one in await world.beside.messages()}
    made = {sid: text for program in world.programs for sid, text in program.made.items()}
    unsure = {text for program in world.programs for text in program.unsure}
    assert not [status for program in world.programs for status in program.refused]
    assert {sid: shown[sid].body for sid in made} == made, "a message is lost"
    sent = {sid: one for sid, one in shown.items() if "/" in one.body}
    assert {one.body for one in sent.values()} <= {*made.values(), *unsure}
    assert {one.status for one in sent.values()} == {"delivered"}
    sids = {one.body: sid for sid, one in sent.items()}
    assert len(sids) == len(sent), "a message was made twice"
    lives: dict[str, list[int]] = {sid: [] for sid in sent}
    for life, _, text, _ in world.network.seen:
        if "/" in text:
            lives[sids[text]].append(life)
    orphans = set[str]().union(*world.orphans)
    for sid, when in lives.items():
        assert when, f"{sent[sid].body} is delivered, but was never sent"
        for before, after in pairwise(when):
            assert before < after, f"{sent[sid].body} went twice in one life"
            assert any(sid in found for found in world.orphans[before:after]), "it went twice, though known"
    for sender in (*NUMBERS, *POOL):
        texts = [
            text
            for _, source, text, _ in world.network.seen
            if source == sender.strip("+") and "/" in text and sids[text] not in orphans
        ]
        assert texts == sorted(texts), f"the messages of {sender} were sent out of order"
    callbacks(world, set(sent))
    figures = {
        "kills": len(world.orphans),
        "messages": len(sent),
        "under way at a kill": sum(map(len, world.orphans)),
        "sent again": sum(len(when) > 1 for when in lives.values()),
    }
    for name, value in figures.items():
        record(name, value)
    print(figures)
    assert len(sent) > 10 * ROUNDS, "hardly anything was sent"


def callbacks(world: World, sent: set[str]) -> None:
    """Check that each state was reported, with the same token each time, in the order of the states."""
    tokens: dict[tuple[str, str], set[str]] = {}
    order: dict[str, list[str]] = {}
    for token, parameters in world.app.webhooks:
        sid, status = parameters["MessageSid"], parameters["MessageStatus"]
        tokens.setdefault((sid, status), set()).add(token)
        if status not in order.setdefault(sid, []):
            order[sid].append(status)
    assert not {event: found for event, found in tokens.items() if len(found) > 1}
    through = {sid for program in world.programs[len(NUMBERS) :] for sid in program.made}
    for sid in sent:
        if sid in through:
            assert order[sid] == ["queued", "sent", "delivered"]
        else:
            assert order[sid][-2:] == ["sent", "delivered"]


async def survived(world: World) -> None:
    """Check that who opted out gets nothing, who had a sender keeps it, and what was for later is still for
    later.
    """
    await world.post(
        "~/Messages.json",
        MessagingServiceSid=world.service_sid,
        To=LOYAL,
        Body="again",
        StatusCallback=world.app.url,
    )
    await world.settle()
    shown = await world.beside.messages()
    loyal = {one.sender for one in shown if one.recipient == LOYAL}
    assert len(loyal) == 1
    assert [one.status for one in shown if one.sid == world.scheduled_sid] == ["scheduled"]
    called_off = await world.post(f"~/Messages/{world.scheduled_sid}.json", Status="canceled")
    assert called_off["status"] == "canceled"
    form = {"From": NUMBERS[0], "To": AWAY, "Body": "hello"}
    path = f"/2010-04-01/Accounts/{world.server.account_sid}/Messages.json"
    async with connected(world.server) as (calls, connection):
        response = await connection.send(calls.request("POST", path, form))
    assert response.json()["code"] == 21610
