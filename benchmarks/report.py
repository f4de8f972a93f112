"""Figures as people and programs read them: tables, ratios, JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.load import Sample

OURS = "Trunkline, SQLite"
AIMS = {"fetch": 5_000.0, "create": 2_500.0, "list": 1_500.0}
"""Requests a second."""

REALTIME_AIMS = {"update-rest": 2_000.0, "update-socket": 2_000.0, "read-socket": 10_000.0}
"""The same for what goes through the realtime door, or is published there."""

AIM_READY_SECONDS = 1.0
AIM_IDLE_MEGABYTES = 80.0
_BUSY = 0.95

_TITLES = {
    "fetch": "Fetch a Sync Service",
    "create": "Create a Sync Service, durably",
    "list": "List a page of 50 Sync Services",
    "update-rest": "Update a Document over REST, durably",
    "update-socket": "Update a Document by socket, durably",
    "read-socket": "Read a Document by socket",
}


@dataclass
class Measurement:
    """The samples of one operation at one number of connections, by subject."""

    operation: str
    connections: int
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def rate(self, name: str) -> float:
        """Return the median of a subject's rounds."""
        return median(sample.rate for sample in self.samples[name])


def table(measured: Measurement) -> str:
    """Return the rates of an operation, and how Trunkline's stands to each other one and to the aim.

    The aim's processor time is what one core may spend on a request at that rate: on a busy machine it means
    more than the rate does. ``load`` is how busy the generator was.
    """
    many = "connection" if measured.connections == 1 else "connections"
    title = f"{_TITLES[measured.operation]}, {measured.connections} {many}"
    lines = [
        f"{title:<52}{'per s':>9}{'min - max':>17}{'ratio':>8}{'CPU us':>8}{'p99 ms':>8}{'errors':>8}{'load':>6}"
    ]
    for name, samples in measured.samples.items():
        rates = [sample.rate for sample in samples]
        ours = measured.rate(OURS) / median(rates) if OURS in measured.samples and median(rates) else 0.0
        spread = f"{min(rates):,.0f} - {max(rates):,.0f}"
        lines.append(
            f"  {name:<50}{median(rates):>9,.0f}{spread:>17}{ours:>8.2f}"
            f"{median(s.cpu for s in samples) * 1e6:>8.0f}"
            f"{median(s.slowest_percent for s in samples) * 1e3:>8.1f}"
            f"{sum(s.errors for s in samples):>8}{median(s.generator for s in samples):>6.0%}"
        )
    if OURS in measured.samples:
        aim = (AIMS | REALTIME_AIMS)[measured.operation]
        lines.append(f"  {'aim':<50}{aim:>9,.0f}{'':>17}{measured.rate(OURS) / aim:>8.2f}{1e6 / aim:>8.0f}")
    return "\n".join(lines)


def warnings(measured: Measurement) -> list[str]:
    """Return what makes the figures doubtful."""
    where = f"{measured.operation}, {measured.connections} connections"
    found = []
    for name, samples in measured.samples.items():
        if any(sample.errors for sample in samples):
            found.append(f"{where}: {name} answered some requests wrongly or not at all")
        if median(sample.generator for sample in samples) > _BUSY:
            found.append(f"{where}: the load generator may have held up {name}")
    return found


def footprint(figures: Mapping[str, Any]) -> str:
    """Start and memory beside their aims."""
    starts = figures["ready seconds"]
    ready = f"{median(starts):.2f} s ({min(starts):.2f} - {max(starts):.2f}), first {figures['first start']:.2f} s"
    lines = [
        f"{'Start to ready, median':<42}{ready}; aim {AIM_READY_SECONDS:.0f} s, "
        f"ratio {median(starts) / AIM_READY_SECONDS:.2f}",
        f"{'Resident memory, idle':<42}{figures['idle megabytes']:.0f} MB; aim {AIM_IDLE_MEGABYTES:.0f} MB, "
        f"ratio {figures['idle megabytes'] / AIM_IDLE_MEGABYTES:.2f}",
    ]
    for name, megabytes in figures.get("megabytes after the load", {}).items():
        lines.append(f"{'Resident memory after the load, ' + name:<52}{megabytes:.0f} MB")
    return "\n".join(lines)


def as_data(measured: Sequence[Measurement], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything for ``--json``."""
    rows = [
        {
            "operation": one.operation,
            "connections": one.connections,
            "subject": name,
            "per_second": [round(sample.rate, 1) for sample in samples],
            "cpu_microseconds": [round(sample.cpu * 1e6, 1) for sample in samples],
            "p99_milliseconds": [round(sample.slowest_percent * 1e3, 2) for sample in samples],
            "errors": sum(sample.errors for sample in samples),
            "generator_busy": [round(sample.generator, 2) for sample in samples],
        }
        for one in measured
        for name, samples in one.samples.items()
    ]
    return {**facts, "measurements": rows}
