"""A time-out that judges a peer lets the loop read first, by ``late_timers``: the peer may have responded while the
process stood still. Those of asyncio do not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rules.source import Source, report

OTHERS = {
    "src/trunkline/core/late_timers.py": (1, "what is used in their place"),
    "src/trunkline/core/periodic.py": (1, "a pause, which a wake ends"),
    "src/trunkline/core/jobs/runner.py": (2, "a pause, which a wake ends, and a stop"),
    "src/trunkline/core/storage/postgres_pool.py": (1, "a stop"),
    "src/trunkline/core/nats_bus.py": (2, "a stop"),
    "src/trunkline/products/messaging/sending/worker.py": (1, "a pause, which a wake ends"),
    "src/trunkline/products/messaging/sending/dispatcher.py": (1, "a stop"),
    "src/trunkline/realtime/gateway.py": (1, "a stop"),
    "src/trunkline/realtime/presence.py": (1, "a stop"),
    "src/trunkline/switch/passthrough.py": (1, "without a time, ended by a LateTimer"),
    "src/trunkline/switch/proxy.py": (1, "what is dropped after a refusal"),
    "src/trunkline/cli/carrier.py": (2, "a command"),
    "src/trunkline/cli/doctor/network.py": (1, "a command"),
}
"""Modules with time-outs of asyncio: their number, and what they limit."""


def timeouts(source: Source) -> Iterator[str]:
    """Yield each time-out of asyncio outside the modules that may have it."""
    if source.path in OTHERS or not any(word in source.text for word in ("timeout", "wait_for")):
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = ast.unparse(node.func)
        waits = name == "asyncio.wait" and any(word.arg == "timeout" for word in node.keywords)
        if waits or name in ("asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for"):
            yield source.at(node.lineno, f"{name} judges before the loop has read: use patient_timeout")
        elif any(
            word.arg == "ssl_handshake_timeout" and "NEVER" not in ast.unparse(word.value)
            for word in node.keywords
        ):
            yield source.at(node.lineno, "the loop's time for a handshake ends before it has read")


def test_no_peer_is_judged_before_it_was_read() -> None:
    assert not (found := report(timeouts, "src")), found


def test_there_is_no_more_than_each_exception() -> None:
    from rules.source import ROOT

    found = {path: Source.of("src/trunkline/x.py", (ROOT / path).read_text("utf-8")) for path in OTHERS}
    assert {path: len([*timeouts(one)]) for path, one in found.items()} == {
        path: number for path, (number, _) in OTHERS.items()
    }


@pytest.mark.parametrize(
    "text",
    [
        "async with asyncio.timeout(1): ...",
        "async with asyncio.timeout_at(1) as scope: ...",
        "await asyncio.wait_for(x, 1)",
        "await asyncio.wait([x], timeout=1)",
        "loop.create_connection(f, ssl_handshake_timeout=5)",
    ],
)
def test_it_finds(text: str) -> None:
    assert list(timeouts(Source.of("src/trunkline/x.py", f"async def f():\n    {text}")))


@pytest.mark.parametrize("text", ["async with patient_timeout(1): ...", "await asyncio.wait([x])"])
def test_it_allows(text: str) -> None:
    assert not list(timeouts(Source.of("src/trunkline/x.py", f"async def f():\n    {text}")))
