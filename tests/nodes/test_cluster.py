"""The tools of the nodes' tests: a frozen node, one that is cut off from PostgreSQL, and one whose clock is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest

from nodes.cluster import PATIENCE, Cluster

SHORT = 0.5
"""Seconds after which a request to a node that stands still is given up."""


def ready(cluster: Cluster, node: int, timeout: float = PATIENCE) -> int:
    """Return the status of a node's readiness."""
    url = cluster.servers[node].url + "/_trunkline/health/ready"
    return httpx.get(url, trust_env=False, timeout=timeout, verify=False).status_code


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline


def test_nodes_are_frozen_cut_off_and_set_wrong(cluster: Cluster) -> None:
    cluster.freeze(0)
    with pytest.raises(httpx.ReadTimeout):
        ready(cluster, 0, SHORT)
    assert ready(cluster, 1) == 200
    cluster.resume(0)
    until(lambda: ready(cluster, 0) == 200)
    for swallow in (False, True):
        cluster.cut(1, swallow=swallow)
        until(lambda: unready(cluster, 1))
        assert ready(cluster, 0) == 200
        cluster.mend(1)
        until(lambda: ready(cluster, 1) == 200)
    cluster.set_clock(0, 86_400)
    until(lambda: ready(cluster, 0) != 200)
    assert ready(cluster, 1) == 200


def unready(cluster: Cluster, node: int) -> bool:
    """Return whether a node reports that it is not ready, or does not respond."""
    try:
        return ready(cluster, node, SHORT) != 200
    except httpx.ReadTimeout:
        return True
