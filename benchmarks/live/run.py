"""All realtime measurements that are requested, one after the other, printed as they are made."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.live import baselines, deliveries, fanout, publishers, requests, rest, tables
from benchmarks.live.fanout import Publisher, Spread
from benchmarks.report import OURS, REALTIME_AIMS, Measurement
from contract.node_project import InstallFailed, NodeMissing
from keepalive import ConnectionLost

OPERATIONS = (*REALTIME_AIMS, "fanout", "idle", "storm", "webhooks")
BASELINES = ("bare", "nats", "mosquitto", "deepstream")
STORM = 2_000
WEBHOOKS = 5_000
_BURST = 20
_SCATTERED = 4
"""Single events for each burst."""


async def run(chosen: Namespace, requested: set[str], wanted: set[str], folder: Path) -> dict[str, Any]:
    """Measure what is requested, the fan-out beside the requested baselines; return every figure for
    ``--json``.
    """
    figures: dict[str, Any] = {}
    if operations := [name for name in REALTIME_AIMS if name in requested]:
        measured = await _requests(chosen, operations, folder)
        figures["requests"] = report.as_data(measured, {})["measurements"]
    if "fanout" in requested:
        figures["fanout"] = []
        for subscribers in chosen.subscribers:
            figures["fanout"] += await _fanout(chosen, subscribers, wanted, folder)
    for name, measure in _LAST.items():
        if name not in requested:
            continue
        try:
            text, figures[name] = await measure(chosen, folder / name)
            print("\n" + text, flush=True)
        except (TimeoutError, OSError, ConnectionLost) as error:
            print(f"\nWithout {name}: {error or 'not all came in time'}")
    return figures


async def _idle(chosen: Namespace, folder: Path) -> tuple[str, dict[str, Any]]:
    found = await rest.idle(folder, max(chosen.subscribers), 5 * chosen.seconds)
    return tables.standing(found), asdict(found)


async def _storm(chosen: Namespace, folder: Path) -> tuple[str, dict[str, Any]]:
    found = await rest.storm(folder, STORM)
    return tables.returned(found), asdict(found)


async def _webhooks(chosen: Namespace, folder: Path) -> tuple[str, dict[str, Any]]:
    found = await deliveries.measure(folder, WEBHOOKS)
    return tables.delivered(found), asdict(found)


_LAST = {"idle": _idle, "storm": _storm, "webhooks": _webhooks}


async def _requests(chosen: Namespace, operations: list[str], folder: Path) -> list[Measurement]:
    measured = []
    for operation in operations:
        for connections in chosen.connections:
            place = folder / f"{operation}-{connections}"
            samples = await requests.measure(place, operation, connections, chosen.rounds, chosen.seconds)
            measured.append(Measurement(operation, connections, {OURS: samples}))
            print("\n" + report.table(measured[-1]), flush=True)
    for warning in (line for one in measured for line in report.warnings(one)):
        print(f"! {warning}")
    return measured


async def _fanout(
    chosen: Namespace, subscribers: int, wanted: set[str], folder: Path
) -> list[dict[str, Any]]:
    kinds = {1: _SCATTERED * chosen.rounds, _BURST: chosen.rounds}
    found: dict[int, dict[str, Spread]] = {burst: {} for burst in kinds}
    for subject in _subjects(subscribers, wanted, folder / f"fanout-{subscribers}"):
        try:
            async with subject as publisher:
                for burst, times in kinds.items():
                    found[burst][publisher.name] = await fanout.measure(publisher, subscribers, burst, times)
        except (baselines.MissingProgram, NodeMissing, InstallFailed, TimeoutError) as error:
            print(f"Left out: {error or 'a subject that did not reach all its subscribers in time'}")
    for burst, one in found.items():
        print("\n" + tables.spreads(subscribers, burst, one), flush=True)
    return [row for burst, one in found.items() for row in tables.as_data(subscribers, burst, one)]


def _subjects(
    subscribers: int, wanted: set[str], folder: Path
) -> Iterator[AbstractAsyncContextManager[Publisher]]:
    yield publishers.trunkline(folder / "silent", subscribers, acknowledge=False)
    yield publishers.trunkline(folder / "acknowledged", subscribers, acknowledge=True)
    if "bare" in wanted:
        yield publishers.bare(subscribers)
    if "nats" in wanted:
        yield baselines.nats(subscribers)
    if "mosquitto" in wanted:
        yield baselines.mosquitto(subscribers)
    if "deepstream" in wanted:
        yield baselines.deepstream(folder / "deepstream", subscribers)
