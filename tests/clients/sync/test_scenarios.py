"""The contract's acceptance list, played by the vendor's Sync client: each scenario is one test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clients.sync.conftest import Play

_NAME = re.compile(r'^ *exports\["(.+?)"\]', re.MULTILINE)
SCENARIOS = sorted(
    name
    for file in (Path(__file__).parent / "scenarios").glob("*.cjs")
    for name in _NAME.findall(file.read_text("utf-8"))
    if not name.startswith("57 ")
)
LIMITS = "57 too many writes of one object are refused, and others go on"
CUTS = [f"56 connections cut at random lose nothing, seed {seed}" for seed in (1, 2, 3)]

ELSEWHERE = frozenset((1, 6, 15, 20, 23, 28, 33, 37, 42, 44, 49, 54))
"""The scenarios that are played with the client's previous version and on PostgreSQL, too."""


def _elsewhere() -> list[str]:
    return [name for name in SCENARIOS if int(name[:2]) in ELSEWHERE]


@pytest.mark.parametrize("scenario", SCENARIOS + CUTS)
def test_client_of_today(play: Play, scenario: str) -> None:
    play(scenario)


@pytest.mark.parametrize("scenario", _elsewhere() + CUTS[:1])
def test_client_before(play: Play, scenario: str) -> None:
    play(scenario, version="3.4.0")


@pytest.mark.parametrize("scenario", _elsewhere() + CUTS[:1])
def test_on_postgresql(play: Play, scenario: str) -> None:
    play(scenario, server="postgresql_sync")


def test_with_limits(play: Play) -> None:
    play(LIMITS, server="limited_sync")
