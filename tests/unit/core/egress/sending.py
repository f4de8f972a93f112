"""An Egress of a test's own, and the loop that its test runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard

PATIENCE = 20.0
"""Seconds that a test may take."""


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[Egress]:
    """Yield an Egress that may reach this machine; closed in the end."""
    made = Egress(options.pop("guard", AddressGuard(allow_private=True)), **options)
    try:
        yield made
    finally:
        await made.close()


def run(body: Callable[[], Coroutine[Any, Any, None]], seconds: float = PATIENCE) -> None:
    """Run a test on uvloop, as the server does, within its time."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await body()

    uvloop.run(bounded())
