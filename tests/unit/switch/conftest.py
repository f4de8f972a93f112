"""The fixture `start`, on either event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from unit.switch.running import EchoDoor, RunningProxy, Start, running


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a proxy with the given options; `door` makes the protocols behind it."""
    with ExitStack() as started:

        def run(door: Callable[[], asyncio.Protocol] = EchoDoor, **options: Any) -> RunningProxy:
            return started.enter_context(running(request.param(), tmp_path / "ca", door, options))

        yield run
