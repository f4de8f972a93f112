"""``python -m benchmarks``: measure Trunkline beside its baselines, in turns, and print how they compare."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

from benchmarks import report
from benchmarks.live import run as live
from benchmarks.machine import LOAD_CORE, SERVER_CORE, facts, on_core, resident_megabytes
from benchmarks.messaging import run as messaging
from benchmarks.postgres import postgres
from benchmarks.report import AIMS, OURS, Measurement
from benchmarks.subjects import ServedSubject, Subject, hello, prism, raw, trunkline
from contract.node_project import InstallFailed, NodeMissing
from servers import Server

STARTS = 5
SUBJECTS = ("hello", "raw", "prism", "postgresql")
START = "start"
GROUPS = {
    "services": (*AIMS, START),
    "realtime": live.OPERATIONS,
    "messaging": messaging.OPERATIONS,
}
"""The operations of each part."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="group",
        choices=[*GROUPS, []],
        help=f"any of {', '.join(GROUPS)}; all without one",
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="how long one measurement takes")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is repeated, in turns")
    parser.add_argument(
        "--connections", type=int, nargs="+", default=[1, 16, 64], help="numbers of connections"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[name for group in GROUPS.values() for name in group]
        + [*SUBJECTS, *live.BASELINES, *messaging.BASELINES],
        default=[],
        help="operations, and what to compare with; all where none is named",
    )
    parser.add_argument(
        "--subscribers", type=int, nargs="+", default=[1000, 5000], help="subscribers of one fan-out"
    )
    parser.add_argument("--messages", type=int, default=2000, help="messages of one measurement")
    parser.add_argument("--scheduled", type=int, default=10_000, help="messages that fall due at once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file")
    return parser.parse_args(arguments)


def main() -> None:
    """Run what the command line requests."""
    chosen = options()
    known = facts()
    for name, value in known.items():
        print(f"{name:<24}{value}")
    os.sched_setaffinity(0, {LOAD_CORE})
    if SERVER_CORE == LOAD_CORE:
        print("One core: server and load generator share it, so the rates are too low.")
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as folder:
        data = uvloop.run(_run(chosen, Path(folder)))
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": known, **data}, indent=1) + "\n")


async def _run(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    wanted = set(chosen.only)
    operations = {name for group in chosen.groups or GROUPS for name in GROUPS[group]}
    requested = wanted & operations or operations
    figures = _starts(folder / "starts") if START in requested else {}
    measured: list[Measurement] = []
    if services := [name for name in AIMS if name in requested]:
        measured = await _services(chosen, services, wanted & set(SUBJECTS) or set(SUBJECTS), figures, folder)
    if figures:
        print("\n" + report.footprint(figures))
    for warning in (line for one in measured for line in report.warnings(one)):
        print(f"! {warning}")
    baselines = wanted & set(live.BASELINES) or set(live.BASELINES)
    realtime = await live.run(chosen, requested, baselines, folder)
    beside = wanted & set(messaging.BASELINES) or set(messaging.BASELINES)
    messages = await messaging.run(chosen, requested, beside, folder / "messaging")
    return report.as_data(measured, {**figures, "realtime": realtime, "messaging": messages})


async def _services(
    chosen: argparse.Namespace, operations: list[str], wanted: set[str], figures: dict[str, Any], folder: Path
) -> list[Measurement]:
    """Measure operations on Sync Services; adds to the figures the memory that the load left behind."""
    measured: list[Measurement] = []
    async with _subjects(wanted, folder) as subjects:
        for operation in operations:
            for connections in chosen.connections:
                one = Measurement(operation, connections)
                measured.append(one)
                for _ in range(chosen.rounds):
                    for subject in subjects:
                        sample = await subject.sample(operation, connections, chosen.seconds)
                        if sample is not None:
                            one.samples.setdefault(subject.name, []).append(sample)
                print("\n" + report.table(one), flush=True)
        if figures:
            figures["megabytes after the load"] = {
                subject.name: resident_megabytes(subject.pid)
                for subject in subjects
                if isinstance(subject, ServedSubject)
            }
    return measured


def _starts(folder: Path) -> dict[str, Any]:
    """Start a server a few times on the same data; the first makes them."""
    folder.mkdir()
    server, took, idle = Server(folder), [], 0.0
    for _ in range(STARTS + 1):
        start = perf_counter()
        with on_core(SERVER_CORE):
            server.start()
        took.append(perf_counter() - start)
        idle = resident_megabytes(server.pid)
        server.stop()
    return {"first start": took[0], "ready seconds": took[1:], "idle megabytes": idle}


@asynccontextmanager
async def _subjects(wanted: set[str], folder: Path) -> AsyncIterator[list[Subject]]:
    """Yield Trunkline, and those of the others that are requested and can be had."""
    async with AsyncExitStack() as stack:
        subjects: list[Subject] = [await _trunkline(stack, OURS, folder / "sqlite", None)]
        if "postgresql" in wanted:
            try:
                url = stack.enter_context(postgres())
                subjects.append(await _trunkline(stack, "Trunkline, PostgreSQL", folder / "postgresql", url))
            except RuntimeError as error:
                print(f"Without PostgreSQL: {error}")
        if "hello" in wanted:
            subjects.append(await stack.enter_async_context(hello()))
        if "raw" in wanted:
            subjects += await stack.enter_async_context(raw(folder))
        if "prism" in wanted:
            try:
                subjects.append(await stack.enter_async_context(prism()))
            except (NodeMissing, InstallFailed) as error:
                print(f"Without Prism: {error}")
        yield subjects


async def _trunkline(
    stack: AsyncExitStack, name: str, folder: Path, database_url: str | None
) -> ServedSubject:
    folder.mkdir()
    with on_core(SERVER_CORE):
        server = stack.enter_context(Server(folder, database_url=database_url))
    return await trunkline(name, server)


if __name__ == "__main__":
    main()
