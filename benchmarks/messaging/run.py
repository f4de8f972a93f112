"""All measurements of Messaging that are requested, one after the other, printed as they are made."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.live.baselines import MissingProgram
from benchmarks.messaging import bind, codec, inbound, queued, sending, tables
from benchmarks.messaging.kannel import kannel
from benchmarks.messaging.scheduled import SENT, scheduled
from benchmarks.messaging.server import WINDOW
from benchmarks.messaging.trial import Trial
from keepalive import ConnectionLost

BASELINES = ("kannel", "smpplib")
_WARMING = 200
_QUEUED_FOR_EACH = 3
"""Segments that wait in a queue, for each message of the other measurements."""

Trials = dict[str, list[Trial]]


async def run(chosen: Namespace, requested: set[str], wanted: set[str], folder: Path) -> dict[str, Any]:
    """Measure what is requested beside the requested baselines; return every figure for ``--json``."""
    figures: dict[str, Any] = {}
    for name, measure in _ALL.items():
        if name not in requested:
            continue
        try:
            figures[name] = await measure(chosen, wanted, folder / name)
        except (TimeoutError, OSError, ConnectionLost) as error:
            print(f"\nWithout {name}: {error or 'not all came in time'}")
    return figures


async def _messages(chosen: Namespace, wanted: set[str], folder: Path) -> Any:
    found: Trials = {}
    async with AsyncExitStack() as stack:
        subjects = [
            await stack.enter_async_context(sending.trunkline(folder / "smpp")),
            await stack.enter_async_context(sending.sandbox(folder / "sandbox")),
        ]
        if "kannel" in wanted:
            try:
                subjects.append(await stack.enter_async_context(kannel(folder / "kannel")))
            except (MissingProgram, TimeoutError) as error:
                print(f"Without Kannel: {error}")
        for subject in subjects:
            await subject.sample(_WARMING)
        for _ in range(chosen.rounds):
            for subject in subjects:
                found.setdefault(subject.name, []).append(await subject.sample(chosen.messages))
    title = f"{chosen.messages:,} messages and {sending.CALLBACKS} callbacks each"
    stages = (sending.ACCEPTED, sending.SUBMITTED, sending.DELIVERED)
    return _print(tables.trials(title, stages, found, sending.AIM), found)


async def _codec(chosen: Namespace, wanted: set[str], folder: Path) -> Any:
    figures = {}
    for title, work in codec.WORK.items():
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(chosen.rounds):
            for name in (codec.OURS, *({codec.SMPPLIB} & wanted)):
                rate = codec.per_second(work[name], chosen.seconds / 4)
                found.setdefault(name, []).append((rate, 1 / rate))
        figures[title] = found
        print("\n" + tables.rates(title, found), flush=True)
    return figures


async def _bind(chosen: Namespace, wanted: set[str], folder: Path) -> Any:
    found: dict[str, list[bind.Brought]] = {}
    for _ in range(chosen.rounds):
        for name in (codec.OURS, *({codec.SMPPLIB} & wanted)):
            found.setdefault(name, []).append(await bind.sample(name, WINDOW, chosen.seconds))
    title = f"Submits without storage, window {WINDOW}"
    print("\n" + tables.rates(title, found, queued.AIM), flush=True)
    return found


async def _queued(chosen: Namespace, wanted: set[str], folder: Path) -> Any:
    found: Trials = {}
    segments = _QUEUED_FOR_EACH * chosen.messages
    async with queued.queue(folder) as queue:
        for _ in range(chosen.rounds):
            for kind in queued.SEGMENTS:
                found.setdefault(kind, []).append(await queue.sample(kind, segments))
    figures = {}
    for kind, samples in found.items():
        title = f"{segments:,} segments from the queue"
        text = tables.trials(title, (queued.SENT,), {f"messages {kind}": samples}, queued.AIM)
        figures[kind] = _print(text, {kind: samples})
    return figures


async def _inbound(chosen: Namespace, wanted: set[str], folder: Path) -> Any:
    async with inbound.phones(folder) as phones:
        await phones.sample(_WARMING)
        found = {"Trunkline": [await phones.sample(chosen.messages) for _ in range(chosen.rounds)]}
    title = f"{chosen.messages:,} messages from phones"
    return _print(tables.trials(title, (inbound.ACCEPTED, inbound.REPLIED, inbound.NOTIFIED), found), found)


async def _scheduled(chosen: Namespace, wanted: set[str], folder: Path) -> Any:
    found = {"Trunkline": [await scheduled(folder, chosen.scheduled)]}
    title = f"{chosen.scheduled:,} messages due at once"
    return _print(tables.trials(title, (SENT,), found), found)


def _print(text: str, found: Trials) -> Any:
    print("\n" + text, flush=True)
    return {name: [asdict(trial) for trial in samples] for name, samples in found.items()}


Measure = Callable[[Namespace, set[str], Path], Awaitable[Any]]
_ALL: dict[str, Measure] = {
    "messages": _messages,
    "codec": _codec,
    "bind": _bind,
    "queued": _queued,
    "inbound": _inbound,
    "scheduled": _scheduled,
}
OPERATIONS = tuple(_ALL)
