"""Addresses of the server for clients on this machine, and the state of its ports."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from enum import Enum
from ipaddress import ip_address

ANY = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
"""Hosts that mean every address of the machine."""

RESPONSE_SECONDS = 3.0
_PROXY_ERROR_CODE = 20004


def url(host: str, port: int) -> str:
    """Return the address of the API for clients on this machine. A name that Node's SDK would rewrite is replaced by
    its number."""
    return url_of(_kept_by_node(local_host(host)), port)


def url_of(host: str, port: int) -> str:
    """Return the address of a host and port."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_host(host: str) -> str:
    """Return the host under which this machine reaches a listener on ``host``: all addresses by loopback."""
    return "127.0.0.1" if host in ANY else host


def is_loopback(host: str) -> bool:
    """Return whether a host names the machine that uses the name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _kept_by_node(host: str) -> str:
    """Return a host that Node's SDK keeps: it rewrites names of two labels, or of more than five (client)."""
    labels = host.split(".")
    if ":" in host or host.replace(".", "").isdigit() or len(labels) in (1, 3, 4, 5):
        return host
    try:
        return str(socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return "127.0.0.1"


class PortState(Enum):
    """The state of a port; the value is the text for people."""

    FREE = "free"
    TRUNKLINE = "a running Trunkline"
    UNREADY = "a running Trunkline that is not ready"
    PROXY = "the CONNECT proxy of a running Trunkline"
    OTHER_PROGRAM = "another program"


def probe_port(host: str, port: int) -> PortState:
    """Return the state of a port. Raise OSError if it is free and cannot be listened on all the same."""
    try:
        _try_listening(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return _identify_listener(host, port)
    return PortState.FREE


def _try_listening(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(address)


def _identify_listener(host: str, port: int) -> PortState:
    connection = http.client.HTTPConnection(
        "127.0.0.1" if host in ANY else host, port, timeout=RESPONSE_SECONDS
    )
    try:
        connection.request("GET", "/_trunkline/health")
        body = json.loads(connection.getresponse().read(65536))
    except (OSError, http.client.HTTPException, ValueError):
        return PortState.OTHER_PROGRAM
    finally:
        connection.close()
    if not isinstance(body, dict):
        return PortState.OTHER_PROGRAM
    if body.get("live") is True:
        return PortState.TRUNKLINE if body.get("ready") else PortState.UNREADY
    return PortState.PROXY if body.get("code") == _PROXY_ERROR_CODE else PortState.OTHER_PROGRAM
