"""The way by which the executor reads for each operation that a node mounts."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import pytest

from trunkline.api import params
from trunkline.api.execution import OperationExecutor, Request
from trunkline.api.operation import OperationKind, PrepareContext
from trunkline.api.principal import Credential, Principal
from trunkline.api.router import Match, Route
from trunkline.app.node import Node
from trunkline.core.secrets import Vault
from trunkline.settings import Settings

PAGED = {"PageSize", "PageToken", "Limit", "Include"}
"""Parameters of reads of many rows."""
REQUIRED = (("Date", "2020-09-13"), ("AccountSid", "AC" + "0" * 32))
"""Parameters without which some requests are refused before anything is read."""
OPERATOR = Principal("AC1", "AC1", Credential.OPERATOR)


class _Way(Exception):
    """The method of the database that was called first."""


def _way(name: str) -> Any:
    async def method(_: object, __: object) -> None:
        raise _Way(name)

    return method


class Ways:
    """A database that runs nothing."""

    read, query, scan, write = (_way(name) for name in ("read", "query", "scan", "write"))


async def way(route: Route) -> str:
    """Return the method of the database that a request of a route calls first."""
    context = PrepareContext(cast(Any, Ways()), cast(Any, None), cast(Any, None))
    executor = OperationExecutor(context, cast(Any, None), Vault(bytes(32)))
    with pytest.raises(_Way) as first:
        await executor.handle(Request(Match(route, defaultdict(str)), OPERATOR, "", "/", REQUIRED))
    return str(first.value)


def test_each_page_is_read_off_the_event_loop_and_behind_no_scan(tmp_path: Path) -> None:
    # A scan may last two minutes, and on SQLite all scans have one thread.
    node = Node(Settings.of(data_dir=tmp_path, proxy_port=-1))
    found: dict[str, tuple[str, str]] = {}
    for route in node.realtime.router.routes:
        operation = route.operation
        if operation.writes or operation.action is None:
            continue
        many = operation.kind is OperationKind.LIST or PAGED & set(params.names(operation.input))
        name = f"{route.mount.host} {route.mount.version} {operation.path}"
        found[name] = ("query" if many else "read", asyncio.run(way(route)))
    assert {expected for expected, _ in found.values()} == {"query", "read"}
    assert {name: ways for name, ways in found.items() if ways[0] != ways[1]} == {}
