"""Which address clients on this machine are told to use, and what listens there already."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from enum import Enum

ANY = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
"""Hosts that stand for every address of the machine."""

ANSWER_SECONDS = 3.0
_PROXY_REFUSES = 20004


def url(host: str, port: int) -> str:
    """The address for clients on this machine: all addresses are reached by loopback, and a name that Node's SDK
    would send elsewhere stands as its number."""
    shown = "127.0.0.1" if host in ANY else _spelled_for_node(host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _spelled_for_node(host: str) -> str:
    """Node's SDK rewrites host names of two labels, or of more than five (client)."""
    labels = host.split(".")
    if ":" in host or host.replace(".", "").isdigit() or len(labels) in (1, 3, 4, 5):
        return host
    try:
        return str(socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return "127.0.0.1"


class Port(Enum):
    """What was found at an address."""

    FREE = "free"
    TRUNKLINE = "a running Trunkline"
    UNREADY = "a running Trunkline that is not ready"
    PROXY = "the CONNECT proxy of a running Trunkline"
    TAKEN = "another program"


def look(host: str, port: int) -> Port:
    """What is at the address. Raises OSError when it could not be listened on though nobody does."""
    try:
        _try_listening(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return _who_answers(host, port)
    return Port.FREE


def _try_listening(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(address)


def _who_answers(host: str, port: int) -> Port:
    connection = http.client.HTTPConnection(
        "127.0.0.1" if host in ANY else host, port, timeout=ANSWER_SECONDS
    )
    try:
        connection.request("GET", "/_trunkline/health")
        body = json.loads(connection.getresponse().read(65536))
    except (OSError, http.client.HTTPException, ValueError):
        return Port.TAKEN
    finally:
        connection.close()
    if not isinstance(body, dict):
        return Port.TAKEN
    if body.get("live") is True:
        return Port.TRUNKLINE if body.get("ready") else Port.UNREADY
    return Port.PROXY if body.get("code") == _PROXY_REFUSES else Port.TAKEN
