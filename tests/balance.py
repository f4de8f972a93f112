"""The order of the tests over the processes of pytest-xdist: the longest first, the rest in the order of collection.

``--dist worksteal`` gives each process an equal stretch of the tests, and lets one that has none left take half of
what another still has. A long test near the end of a stretch would keep one process busy after all others have
finished. So the tests of ``SLOW`` are dealt out, each to the process with the least to do, and begin its stretch.
A test that is not in the table any more, or not yet, costs nothing but balance. Each process computes the same order.

``RECORD_SLOW_TESTS=1 make test`` writes the table anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import pytest

SLOW = Path(__file__).with_name("slow_tests.json")
SECONDS = 3.0
"""Tests that take as long as this are in the table."""

_measured: dict[str, float] = {}


def dealt(tests: Sequence[str], slow: Mapping[str, float], workers: int) -> list[int]:
    """Return the order of ``tests`` for ``workers`` processes that get equal stretches, as indexes."""
    longest = sorted(
        (i for i, test in enumerate(tests) if test in slow), key=lambda i: (-slow[tests[i]], tests[i])
    )
    size = [len(tests) // workers + (worker >= workers - len(tests) % workers) for worker in range(workers)]
    first: list[list[int]] = [[] for _ in range(workers)]
    load = [0.0] * workers
    for index in longest:
        free = [worker for worker in range(workers) if len(first[worker]) < size[worker]]
        worker = min(free, key=lambda one: (load[one], one))
        first[worker].append(index)
        load[worker] += slow[tests[index]]
    rest = iter([i for i, test in enumerate(tests) if test not in slow])
    stretches = [[*first[one], *islice(rest, size[one] - len(first[one]))] for one in range(workers)]
    return [index for stretch in stretches for index in stretch]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into the order in which the processes get them."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    slow: dict[str, float] = json.loads(SLOW.read_text("utf-8"))
    items[:] = [items[index] for index in dealt([item.nodeid for item in items], slow, workers)]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the time of a test's setup, call and teardown."""
    _measured[report.nodeid] = _measured.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish() -> None:
    """Write the table where that is requested, from the process that sees the reports of all."""
    if "RECORD_SLOW_TESTS" in os.environ and "PYTEST_XDIST_WORKER" not in os.environ:
        slow = {test: round(seconds) for test, seconds in sorted(_measured.items()) if seconds >= SECONDS}
        SLOW.write_text(json.dumps(slow, indent=1, ensure_ascii=False) + "\n", "utf-8")
