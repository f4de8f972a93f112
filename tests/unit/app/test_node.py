"""The start of a node: what fails leaves nothing behind that the next start would hide."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from trunkline.app.node import Node
from trunkline.core.nats_bus import BusUnreachable, NatsBus
from trunkline.settings import Settings


def test_a_start_without_its_bus_makes_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The token of a new account is printed only by the start that makes it.
    monkeypatch.setattr(NatsBus, "CONNECT_SECONDS", 1)

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = f"nats://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(BusUnreachable):
                await Node(Settings.of(data_dir=tmp_path, nats_url=address)).start()
        node = Node(Settings.of(data_dir=tmp_path))
        await node.start()
        created = node.accounts.first.created
        await node.stop()
        assert created

    asyncio.run(main())
