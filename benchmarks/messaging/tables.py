"""The figures of Messaging as people read them. ``ratio`` is Trunkline's rate to that of the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.messaging.trial import Trial


def trials(title: str, stages: Sequence[str], found: Mapping[str, Sequence[Trial]], aim: float = 0.0) -> str:
    """Return the number of messages a second that came through each stage, and through the last one beside others
    and the aim.
    """
    last = stages[-1]
    ours = median(trial.rate(last) for trial in next(iter(found.values())))
    before = "".join(f"{stage:>11}" for stage in stages)
    lines = [f"{title:<38}{before}{'min - max':>17}{'ratio':>8}{'CPU us':>8}{'load':>6}"]
    for number, (name, samples) in enumerate(found.items()):
        rates = [trial.rate(last) for trial in samples]
        columns = "".join(f"{_stage(samples, stage):>11}" for stage in stages)
        ratio = f"{ours / median(rates):.2f}" if number else ""
        lines.append(
            f"  {name:<36}{columns}{_spread(rates):>17}{ratio:>8}"
            f"{median(trial.cpu for trial in samples) * 1e6:>8.0f}"
            f"{median(trial.generator for trial in samples):>6.0%}"
        )
    if aim:
        blank = " " * 11 * (len(stages) - 1)
        lines.append(f"  {'aim':<36}{blank}{aim:>11,.0f}{'':>17}{ours / aim:>8.2f}{1e6 / aim:>8.0f}")
    return "\n".join(lines)


def rates(title: str, found: Mapping[str, Sequence[tuple[float, float]]], aim: float = 0.0) -> str:
    """Return pairs of a rate a second and of the processor time of one, by who did it; the first is
    Trunkline.
    """
    ours = median(rate for rate, _ in next(iter(found.values())))
    lines = [f"{title:<38}{'per s':>11}{'min - max':>22}{'ratio':>8}{'CPU us':>8}"]
    for number, (name, samples) in enumerate(found.items()):
        each = [rate for rate, _ in samples]
        ratio = f"{ours / median(each):.2f}" if number else ""
        cpu = median(cpu for _, cpu in samples) * 1e6
        lines.append(f"  {name:<36}{median(each):>11,.0f}{_spread(each):>22}{ratio:>8}{cpu:>8.1f}")
    if aim:
        lines.append(f"  {'aim':<36}{aim:>11,.0f}{'':>22}{ours / aim:>8.2f}{1e6 / aim:>8.1f}")
    return "\n".join(lines)


def _stage(samples: Sequence[Trial], stage: str) -> str:
    known = [trial.rate(stage) for trial in samples if stage in trial.stages]
    return f"{median(known):,.0f}" if known else "-"


def _spread(rates: Sequence[float]) -> str:
    return f"{min(rates):,.0f} - {max(rates):,.0f}"
