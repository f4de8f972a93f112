"""Two servers on one PostgreSQL and one NATS, and realtime clients that find their way between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import PostgresEngine
from nats_server import NatsServer, nats_server
from nodes.cluster import SCHEMA, Cluster

__all__ = ["nats_server"]


@pytest.fixture
def cluster(nats_server: NatsServer, postgres_server: str, tmp_path: Path) -> Iterator[Cluster]:
    """Yield two running nodes."""
    engine = PostgresEngine(postgres_server)
    made = Cluster(tmp_path, engine.migrated_url(tmp_path, SCHEMA), nats_server)
    try:
        made.start()
        yield made
    finally:
        made.kill()
        engine.drop()
