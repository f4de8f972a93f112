"""The realtime figures as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.live.deliveries import AIM as AIM_WEBHOOKS
from benchmarks.live.deliveries import DeliveryFigures
from benchmarks.live.fanout import Spread
from benchmarks.live.publishers import OURS
from benchmarks.live.rest import AIM_KILOBYTES, MISSED, Idle, Storm

AIM_SCATTERED = 60_000.0
AIM_BURST = 250_000.0
"""Frames a second."""


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent do not exceed."""
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def spreads(subscribers: int, burst: int, found: Mapping[str, Spread]) -> str:
    """Return one kind of fan-out, by who did it. ``CPU us`` is the server's processor time for a frame; each
    ``ratio`` is how many times better Trunkline is than the line; ``reads`` is what the generator could read
    a second at most.
    """
    what = "1 event" if burst == 1 else f"{burst} events at once"
    lines = [
        f"{f'{what} to {subscribers:,} subscribers':<42}{'frames/s':>9}{'ratio':>7}{'CPU us':>8}{'ratio':>7}"
        f"{'from the answer':>18}{'from the write':>18}{'reads':>11}",
        f"{'':<73}{'p50 / p99 ms':>18}{'p50 / p99 ms':>18}{'at most':>11}",
    ]
    ours = found.get(OURS)
    for name, one in found.items():
        ratios = (ours.rate / one.rate, one.cpu / ours.cpu) if ours and one.cpu and ours.cpu else (0.0, 0.0)
        lines.append(
            f"  {name:<40}{one.rate:>9,.0f}{ratios[0]:>7.2f}{one.cpu * 1e6:>8.2f}{ratios[1]:>7.2f}"
            f"{_span(one.behind):>18}{_span(one.whole):>18}{one.capacity:>11,.0f}"
        )
    if ours:
        aim = AIM_SCATTERED if burst == 1 else AIM_BURST
        each = 1 / aim / ours.cpu if ours.cpu else 0.0
        lines.append(f"  {'aim':<40}{aim:>9,.0f}{ours.rate / aim:>7.2f}{1e6 / aim:>8.2f}{each:>7.2f}")
    return "\n".join(lines)


def _span(times: Sequence[float]) -> str:
    return f"{median(times) * 1e3:,.1f} / {percentile(times, 99) * 1e3:,.1f}"


def standing(found: Idle) -> str:
    """Return the cost of connections at rest."""
    return (
        f"{found.connections:,} connections at rest: {found.logged_in:.1f} KB each, "
        f"subscribed {found.subscribed:.1f} KB (aim {AIM_KILOBYTES:.0f} KB, ratio "
        f"{found.subscribed / AIM_KILOBYTES:.2f}); "
        f"{found.cpu * found.connections:.2%} of a core for all"
    )


def returned(found: Storm) -> str:
    """Return the figures of a storm."""
    return (
        f"{found.clients:,} clients back at once, {MISSED} events replayed to each: {found.seconds:.2f} s, "
        f"p50 {median(found.times):.2f} s, p99 {percentile(found.times, 99):.2f} s; "
        f"{found.clients / found.seconds:,.0f} clients/s, CPU {found.cpu * 1e6:.0f} us each, "
        f"generator {found.generator:.0%} busy"
    )


def delivered(found: DeliveryFigures) -> str:
    """Return the number of webhooks that were sent."""
    return (
        f"{found.webhooks:,} webhooks, booked durably: {found.rate:,.0f}/s (aim {AIM_WEBHOOKS:,.0f}, ratio "
        f"{found.rate / AIM_WEBHOOKS:.2f}); CPU {found.cpu * 1e6:.0f} us each with its update; "
        f"updates took {found.updating:.2f} s of {found.seconds:.2f} s, generator {found.generator:.0%} busy"
    )


def as_data(subscribers: int, burst: int, found: Mapping[str, Spread]) -> list[dict[str, Any]]:
    """Return a fan-out for ``--json``; times in seconds."""
    return [
        {"subscribers": subscribers, "burst": burst, "subject": name, "per_second": one.rate, **asdict(one)}
        for name, one in found.items()
    ]
