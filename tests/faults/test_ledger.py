"""The faults' ledger notices every way to break a promise; if it did not, the other tests would hold for nothing."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from faults.integrity import damage
from faults.ledger import GONE, Ledger


def _ledger() -> Ledger:
    """Return a ledger: one thing is there for good, one deleted, one between two names, one perhaps deleted, one
    perhaps made.
    """
    ledger = Ledger()
    ledger.created("1", "first")
    ledger.created("2", "second")
    ledger.became("2", GONE)
    ledger.created("3", "third")
    ledger.cut_off("3", "third again")
    ledger.created("4", "fourth")
    ledger.cut_off("4", GONE)
    ledger.cut_off(None, "fifth")
    return ledger


@pytest.mark.parametrize(
    ("found", "in_flight_found"),
    [
        ([("1", "first"), ("3", "third"), ("4", "fourth")], 0),
        ([("1", "first"), ("3", "third again"), ("4", "fourth")], 1),
        ([("1", "first"), ("3", "third again"), ("5", "fifth")], 3),
    ],
)
def test_the_truth_passes(found: list[tuple[str, str]], in_flight_found: int) -> None:
    ledger = _ledger()
    assert ledger.lies(found) == []
    assert (ledger.count.acknowledged, ledger.count.in_flight) == (5, 3)
    assert (ledger.count.in_flight_found, ledger.count.present) == (in_flight_found, len(found))
    assert ledger.lies(found) == []


@pytest.mark.parametrize(
    "found",
    [
        [("3", "third"), ("4", "fourth")],
        [("1", "other"), ("3", "third")],
        [("1", "first"), ("2", "second"), ("3", "third")],
        [("1", "first"), ("3", "other")],
        [("1", "first")],
        [("1", "first"), ("3", "third"), ("6", "sixth")],
        [("1", "first"), ("3", "third"), ("5", "fifth"), ("6", "fifth")],
        [("1", "first"), ("3", "third"), ("3", "third")],
    ],
    ids=["lost", "changed", "undeleted", "mixed", "vanished", "invented", "made twice", "shown twice"],
)
def test_each_lie_is_noticed(found: list[tuple[str, str]]) -> None:
    assert len(_ledger().lies(found)) == 1


def test_what_was_settled_stays_settled() -> None:
    ledger = _ledger()
    assert ledger.lies([("1", "first"), ("3", "third again"), ("5", "fifth")]) == []
    assert len(ledger.lies([("1", "first"), ("3", "third"), ("4", "fourth")])) == 3


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE a (id TEXT PRIMARY KEY); CREATE TABLE b (a TEXT REFERENCES a (id))")
    assert damage(path) == []
    connection.execute("PRAGMA foreign_keys=OFF; INSERT INTO b VALUES ('nowhere')")
    connection.close()
    assert len(damage(path)) == 1
