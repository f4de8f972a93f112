"""Addresses as they are shown to clients, and what is found at one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from trunkline.cli.addresses import PortState, is_loopback, probe_port, url


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("10.1.2.3", "http://10.1.2.3:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://127.0.0.1:80"),
        ("", "http://127.0.0.1:80"),
        ("localhost", "http://localhost:80"),
        ("a.b.test", "http://a.b.test:80"),
        ("a.b.c.d.test", "http://a.b.c.d.test:80"),
    ],
)
def test_an_address_is_one_for_clients(host: str, shown: str) -> None:
    assert url(host, 80) == shown


@pytest.mark.parametrize(
    ("host", "itself"),
    [
        ("127.9.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("10.1.2.3", False),
        ("a.test", False),
    ],
)
def test_loopback_names_the_machine_that_uses_it(host: str, itself: bool) -> None:
    assert is_loopback(host) is itself


@pytest.mark.parametrize("host", ["trunkline.test", "a.b.c.d.e.test"])
def test_a_name_that_node_rewrites_becomes_a_number(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, *_: object, **__: object) -> list[object]:
        assert name == host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.9.8.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert url(host, 80) == "http://10.9.8.7:80"


def test_a_name_that_does_not_resolve_becomes_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert url("trunkline.test", 80) == "http://127.0.0.1:80"


@contextmanager
def _answering(body: bytes) -> Iterator[int]:
    """Yield the port of a program that answers its first request with ``body``."""
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(response)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"live":true,"ready":true}', PortState.TRUNKLINE),
        (b'{"live":true,"ready":false}', PortState.UNREADY),
        (b'{"code":20004,"message":"","more_info":"","status":405}', PortState.PROXY),
        (b'{"code":20404}', PortState.OTHER_PROGRAM),
        (b"[]", PortState.OTHER_PROGRAM),
        (b"hello", PortState.OTHER_PROGRAM),
        (b"\xff", PortState.OTHER_PROGRAM),
    ],
)
def test_who_listens_is_told_by_the_answer(body: bytes, found: PortState) -> None:
    with _answering(body) as port:
        assert probe_port("127.0.0.1", port) is found


def test_a_program_that_does_not_speak_http_is_another_one() -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 mail\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        assert probe_port("127.0.0.1", listener.getsockname()[1]) is PortState.OTHER_PROGRAM
        thread.join()


def test_an_address_nobody_listens_on_is_free() -> None:
    with socket.socket() as kept:  # keeps others from getting the port meanwhile
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        assert probe_port("127.0.0.1", kept.getsockname()[1]) is PortState.FREE
    assert probe_port("127.0.0.1", 0) is PortState.FREE


def test_a_foreign_address_cannot_be_listened_on() -> None:
    with pytest.raises(OSError):
        probe_port("203.0.113.1", 0)
