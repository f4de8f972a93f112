"""``python -m benchmarks.smpp``: the SMPP codec and the carrier, each in turns with PyPI ``smpplib`` where it is.

The carrier has one core and submits over one bind, durable storage aside; the SMSC has the other. ``ratio`` is ours to
the other one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import uvloop

from benchmarks.machine import LOAD_CORE, SERVER_CORE, facts, on_core
from contract.node_project import InstallFailed, NodeMissing, node_modules
from smsc import Smsc
from trunkline.transports.base import Encoding, Inbound, Receipt, SenderKind, Submission
from trunkline.transports.smpp.bodies import Accepted, ShortMessage
from trunkline.transports.smpp.carrier import SmppCarrier
from trunkline.transports.smpp.commands import ANSWER, Command
from trunkline.transports.smpp.pdu import Pdu, decode, encode
from trunkline.transports.smpp.settings import SmppRoute

try:
    import smpplib.smpp
    from smpplib.client import Client
except ImportError:
    smpplib = None

AIM = 8_000
UNDER_WAY = 500
"""Messages that are handed over at once, as a sender's queue does."""

PEER = Path(__file__).parents[1] / "tests" / "clients" / "messaging" / "smsc.cjs"
TEXT = "Your code is 123456. It is valid for ten minutes."
MESSAGE = Pdu(
    Command.SUBMIT_SM,
    0,
    7,
    ShortMessage(
        source_ton=1,
        source_npi=1,
        source="15005550006",
        destination_ton=1,
        destination_npi=1,
        destination="15005550100",
        registered_delivery=1,
        short_message=TEXT.encode(),
    ),
)
WIRE = encode(MESSAGE)
ANSWERED = encode(Pdu(Command.SUBMIT_SM | ANSWER, 0, 7, Accepted("0123456789")))

FIELDS = {
    "source_addr_ton": 1,
    "source_addr": "15005550006",
    "dest_addr_ton": 1,
    "destination_addr": "15005550100",
    "short_message": TEXT.encode(),
    "registered_delivery": 1,
}
"""The same for smpplib."""


class Deaf:
    """A receiver that hears nothing."""

    async def receipt(self, receipt: Receipt) -> None:
        """Nothing."""

    async def inbound(self, inbound: Inbound) -> None:
        """Nothing."""


def per_second(work: Callable[[], object], seconds: float) -> float:
    """How often something can be done in a second."""
    count, begun = 0, perf_counter()
    while (took := perf_counter() - begun) < seconds:
        for _ in range(200):
            work()
        count += 200
    return count / took


def codec() -> dict[str, dict[str, Callable[[], object]]]:
    """What the codec does, by who does it."""
    found: dict[str, dict[str, Callable[[], object]]] = {
        "encode submit_sm": {"Trunkline": lambda: encode(MESSAGE)},
        "decode submit_sm": {"Trunkline": lambda: decode(WIRE)},
        "decode submit_sm_resp": {"Trunkline": lambda: decode(ANSWERED)},
    }
    if smpplib is not None:
        made = smpplib.smpp.make_pdu("submit_sm", sequence=0, **FIELDS)
        found["encode submit_sm"]["smpplib"] = made.generate
        found["decode submit_sm"]["smpplib"] = lambda: smpplib.smpp.parse_pdu(WIRE, sequence=0)
        found["decode submit_sm_resp"]["smpplib"] = lambda: smpplib.smpp.parse_pdu(ANSWERED, sequence=0)
    return found


@contextmanager
def peer(command: list[str]) -> Iterator[int]:
    """An SMSC as a process of its own on the other core; answers its port."""
    with on_core(LOAD_CORE):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.communicate()


async def serve() -> None:
    """Be an SMSC until the standard input ends."""
    async with Smsc(records=False) as smsc:
        print(json.dumps({"port": smsc.port}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def carried(port: int, window: int, seconds: float) -> tuple[float, float]:
    """Segments a second that ``submit`` brings through, and the processor time of one."""
    route = SmppRoute(
        name="bench", host="127.0.0.1", port=port, system_id="trunkline", password="secret", window=window
    )
    carrier = SmppCarrier(route)
    await carrier.start(Deaf())
    while not carrier.ready:
        await asyncio.sleep(0)
    count, stop = 0, perf_counter() + seconds

    async def sender(number: int) -> None:
        nonlocal count
        message = Submission(
            "SM0",
            "AC0",
            "+15005550006",
            SenderKind.NUMBER,
            f"+1500555{number:04}",
            Encoding.GSM7,
            (TEXT,),
        )
        while perf_counter() < stop:
            await carrier.submit(message)
            count += 1

    begun, cpu = perf_counter(), process_time()
    await asyncio.gather(*map(sender, range(UNDER_WAY)))
    took, used = perf_counter() - begun, process_time() - cpu
    await carrier.stop()
    return count / took, used / count


def by_smpplib(port: int, window: int, seconds: float) -> tuple[float, float]:
    """The same by smpplib."""
    client = Client("127.0.0.1", port, timeout=10)
    client.set_message_sent_handler(lambda pdu: None)
    client.connect()
    client.bind_transceiver(system_id="trunkline", password="secret")
    count, sent, begun, cpu = 0, 0, perf_counter(), process_time()
    while perf_counter() - begun < seconds:
        while sent - count < window:
            client.send_message(**FIELDS)
            sent += 1
        client.read_once()
        count += 1
    took, used = perf_counter() - begun, process_time() - cpu
    while count < sent:
        client.read_once()
        count += 1
    client.unbind()
    client.disconnect()
    return count / took, used / count


def table(title: str, rounds: dict[str, list[float]], cost: dict[str, float] | None = None) -> str:
    """The medians, and how ours stands to each other one."""
    lines = [f"{title:<44}{'per s':>10}{'min - max':>20}{'ratio':>8}{'CPU us':>8}"]
    ours = median(rounds["Trunkline"])
    for name, rates in rounds.items():
        spread = f"{min(rates):,.0f} - {max(rates):,.0f}"
        spent = (cost[name] if cost else 1 / median(rates)) * 1e6
        ratio = f"{ours / median(rates):.1f}" if name != "Trunkline" else ""
        lines.append(f"  {name:<42}{median(rates):>10,.0f}{spread:>20}{ratio:>8}{spent:>8.1f}")
    return "\n".join(lines)


def measure_codec(rounds: int, seconds: float) -> None:
    """Print what the codec does."""
    for title, subjects in codec().items():
        rates: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(rounds):
            for name, work in subjects.items():
                rates[name].append(per_second(work, seconds))
        print("\n" + table(title, rates))


def measure_carrier(title: str, command: list[str], window: int, rounds: int, seconds: float) -> None:
    """Print what the carrier brings through to an SMSC."""
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    with peer(command) as port:
        for _ in range(rounds):
            samples = {"Trunkline": uvloop.run(carried(port, window, seconds))}
            if smpplib is not None:
                samples["smpplib"] = by_smpplib(port, window, seconds)
            for name, (rate, cost) in samples.items():
                rates.setdefault(name, []).append(rate)
                costs.setdefault(name, []).append(cost)
    print(
        "\n" + table(f"{title}, window {window}", rates, {name: median(one) for name, one in costs.items()})
    )
    print(f"  {'aim':<42}{AIM:>10,}{'':>20}{median(rates['Trunkline']) / AIM:>8.1f}{1e6 / AIM:>8.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smpp", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long one measurement takes")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is repeated, in turns")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 10, 50, 200], help="window sizes")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        uvloop.run(serve())
        return
    for name, value in facts().items():
        print(f"{name:<24}{value}")
    os.sched_setaffinity(0, {SERVER_CORE})
    if smpplib is None:
        print("Without smpplib: it is not installed.")
    measure_codec(chosen.rounds, chosen.seconds / 2)
    peers = {"Submitted to an SMSC of ours": [sys.executable, "-m", "benchmarks.smpp", "--serve"]}
    try:
        options = json.dumps({"quiet": True})
        peers["Submitted to npm smpp"] = ["node", str(PEER), str(node_modules()), options]
    except (NodeMissing, InstallFailed) as error:
        print(f"Without npm smpp: {error}")
    for title, command in peers.items():
        for window in chosen.windows:
            measure_carrier(title, command, window, chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
