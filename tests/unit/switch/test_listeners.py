"""The listening sockets of the proxy."""

from __future__ import annotations

import asyncio
import socket

import pytest

from trunkline.switch import proxy

INET = socket.AF_INET


def opened_addresses(host: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses at which `listen` listens; the sockets are closed again."""

    async def run() -> list[tuple[str, int]]:
        opened = await proxy.listen(host, port)
        found = [listener.getsockname()[:2] for listener in opened]
        assert all(listener.getblocking() is False for listener in opened)
        for listener in opened:
            listener.close()
        return found

    return asyncio.run(run())


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def found(_: str) -> list[tuple[socket.AddressFamily, str]]:
        return [(INET, address) for address in addresses]

    monkeypatch.setattr(proxy, "_addresses", found)


def test_an_address_is_listened_on_at_a_free_port() -> None:
    ((address, port),) = opened_addresses("127.0.0.1", 0)
    assert address == "127.0.0.1"
    assert port > 0


def test_all_addresses_of_a_name_share_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2")
    one, two = opened_addresses("a-name", 0)
    assert (one[0], two[0]) == ("127.0.0.1", "127.0.0.2")
    assert one[1] == two[1]


def test_when_one_address_is_taken_all_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]
        resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2")
        with pytest.raises(OSError, match=r"(?i)address already in use"):
            opened_addresses("a-name", port)
        resolve_to(monkeypatch, "127.0.0.1")
        assert opened_addresses("a-name", port) == [("127.0.0.1", port)]
