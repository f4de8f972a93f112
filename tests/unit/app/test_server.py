"""The bounds that a server sets for its listeners."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from trunkline.app.server import Server
from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.settings import Settings


@pytest.mark.parametrize(
    ("files", "held"),
    [(300, 150), (3, 2), (resource.RLIM_INFINITY, 4000), (100_000, 4000)],
)
def test_clients_before_a_log_in_leave_half_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, held: int
) -> None:
    """Open connections to both doors without end, each of an address of its own."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    server = Server(Settings.of(data_dir=tmp_path, max_anonymous_connections=2000), lambda _: None)
    doors: tuple[AnonymousConnections, ...] = (server._uvicorn.config.http.anonymous, server._tunnels)  # type: ignore[union-attr]
    for door in doors:
        for number in range(3000):
            door.enter(number, f"192.0.{number // 256}.{number % 256}", lambda: None)
    assert sum(len(door) for door in doors) == held
