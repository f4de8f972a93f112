"""Acknowledged changes of a server, and the states that it may therefore show after a crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

GONE = ""
"""The state of what was deleted; names are never empty."""


@dataclass(slots=True)
class Count:
    """Figures of one round, or of several."""

    acknowledged: int = 0
    in_flight: int = 0
    in_flight_found: int = 0
    present: int = 0


@dataclass(slots=True)
class Ledger:
    """Names that things were given. A thing has one writer, so its states follow one another.

    ``states`` holds what each thing may show: its last acknowledged name alone or, after an attempt that was
    not answered, that attempt's too. ``unborn`` holds the names of creations that were not answered.
    """

    states: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unborn: set[str] = field(default_factory=set)
    count: Count = field(default_factory=Count)

    def created(self, sid: str, name: str) -> None:
        """Record an acknowledged creation."""
        self._acknowledge(sid, name)

    def became(self, sid: str, name: str) -> None:
        """Record an acknowledged update; ``GONE`` stands for a deletion."""
        self._acknowledge(sid, name)

    def cut_off(self, sid: str | None, name: str) -> None:
        """Record a change that was sent and had no response; a creation has no ``sid``."""
        self.count.in_flight += 1
        if sid is None:
            self.unborn.add(name)
        else:
            self.states[sid] = (*self.states[sid], name)

    def lies(self, found: Iterable[tuple[str, str]]) -> list[str]:
        """Return the contradictions to the ledger in the things, each with its name, that a server shows.

        Counts them on the way, and settles which creations without an answer were carried out.
        """
        shown = list(found)
        lies = [
            f"{sid} is shown {times} times"
            for sid, times in Counter(s for s, _ in shown).items()
            if times > 1
        ]
        present = dict(shown)
        for sid, name in present.items():
            if sid not in self.states:
                lies += self._adopt(sid, name)
        for sid, allowed in self.states.items():
            name = present.get(sid, GONE)
            if name not in allowed:
                lies.append(f"{sid} is {name or 'gone'!r}, may be one of {allowed}")
            elif len(allowed) > 1:
                self.count.in_flight_found += name == allowed[-1]
                self.states[sid] = (name,)
        self.unborn.clear()
        self.count.present = len(present)
        return lies

    def _adopt(self, sid: str, name: str) -> list[str]:
        if name not in self.unborn:
            return [f"{sid} {name!r} was never acknowledged, nor asked for at the end"]
        self.unborn.remove(name)
        self.states[sid] = (name,)
        self.count.in_flight_found += 1
        return []

    def _acknowledge(self, sid: str, name: str) -> None:
        self.states[sid] = (name,)
        self.count.acknowledged += 1
